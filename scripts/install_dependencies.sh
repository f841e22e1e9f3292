#!/usr/bin/env bash
# Installs the Debian packages that the build, the tests and the demo need: those that are missing, nothing else.
# Uses sudo when not root. docs/dependencies.md says what each is for.
set -euo pipefail

packages=(
  # to build
  g++ cmake ninja-build
  # the library
  libeigen3-dev libxtensor-dev libxsimd-dev nlohmann-json3-dev zlib1g-dev
  libdnnl-dev ocl-icd-opencl-dev  # oneDNN's CMake file asks for OpenCL, its package does not
  libonnx-dev libprotobuf-dev protobuf-compiler
  libboost-dev  # Boost.Math, Boost.Asio and Boost.Beast: headers alone
  libssl-dev  # of the server
  libgrpc++-dev protobuf-compiler-grpc  # of the server over gRPC, which is left out without them
  # the tool, the tests, the benchmarks
  libcli11-dev libjs-chart.js
  catch2 libbenchmark-dev
  libonnx-testdata  # ONNX's own models for every operator, with the outputs they must give
  # 60,000 images to learn from and 10,000 to be tested on
  dataset-fashion-mnist
)

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "This system has no apt: install what Debian calls ${packages[*]} by its own means." >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Missing packages and no sudo to install them with; as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

echo "Installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -qq --yes --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" >/dev/null
