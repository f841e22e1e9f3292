#!/usr/bin/env bash
# Times Fulcrum's executor beside ONNX Runtime on this machine, and beside the sum of its own steps.
# benchmarks/README.md says how to read the tables.
#
#   benchmarks/peers/run.sh [OPTION ...]    --help lists them, --list the cases
#
# Needs node and npm, and the network once (ONNX Runtime's Node package goes to build/onnxruntime). The results go to
# build/peers/results.json and build/peers/results.md; models are exported into build/peers/models.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)

ONNX_RUNTIME_FOLDER=$("$root/scripts/install_onnxruntime.sh")
export ONNX_RUNTIME_FOLDER
"$root/scripts/build.sh" benchmarks peer_benchmark >&2
mkdir -p "$root/build/peers/models"

# Options given by the user come last and win.
exec "$root/build/benchmarks/benchmarks/peers/peer_benchmark" \
  --worker "$root/benchmarks/peers/onnxruntime_worker.mjs" --models "$root/build/peers/models" \
  --json "$root/build/peers/results.json" --markdown "$root/build/peers/results.md" "$@"
