#!/usr/bin/env bash
# On a Debian that has nothing of this, as root: installs what the packages are built from, builds them, installs them,
# and builds programs with what they installed. The packages lie beside the source folder afterwards.
#
#   packaging/check_debian.sh           DEB_BUILD_OPTIONS=parallel=2, say, is dpkg-buildpackage's
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
export DEB_BUILD_OPTIONS="nocheck noautodbgsym ${DEB_BUILD_OPTIONS:-}"

step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

step "What the packages are built from"
apt-get update -qq
apt-get build-dep -qq --yes --no-install-recommends -o Dpkg::Use-Pty=0 ./ >/dev/null

step "The packages"
dpkg-buildpackage -us -uc -b
ls -l ../*.deb

step "Installed"
apt-get install -qq --yes -o Dpkg::Use-Pty=0 ../fulcrum_*.deb ../libfulcrum-dev_*.deb pkgconf >/dev/null
fulcrum --version
fulcrum info zoo:fashion_cnn >/dev/null

# An empty folder takes the place of the source: what is used must be what was installed.
step "Programs built with them"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for consumer in core_only pkg_config compiled installed; do
  cmake -DSTEP=$consumer -DSOURCE="$work/none" -DTREE="$work" -DGENERATOR=Ninja -DCOMPILER=g++ -DPREFIX=/usr \
    -P tests/package/consume.cmake
  step "$consumer: built and run"
done
