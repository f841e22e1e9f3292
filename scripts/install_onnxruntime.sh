#!/usr/bin/env bash
# Installs ONNX Runtime's Node package into build/onnxruntime and prints that folder; once there, it is left as it is.
# Needs node and npm, and the network the first time.
set -euo pipefail
cd "$(dirname "$0")/.."

for command in node npm; do
  command -v "$command" >/dev/null || { echo "ONNX Runtime: needs $command (apt install nodejs npm)" >&2; exit 1; }
done
folder=$PWD/build/onnxruntime
if [ ! -d "$folder/node_modules/onnxruntime-node" ]; then
  mkdir -p "$folder"
  echo '{"private": true}' >"$folder/package.json"
  npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund onnxruntime-node@1 >&2
fi
echo "$folder"
