#!/usr/bin/env bash
# Holds Fulcrum against ONNX Runtime: networks of the zoo, exported as f32 and as int8 (QDQ), must give the same
# outputs there. Needs node and npm, and the network once (onnxruntime-node goes to build/onnxruntime).
#
#   scripts/check_onnxruntime.sh                 the zoo
#   scripts/check_onnxruntime.sh MODEL.onnx ...  these models, of one input, as they are
#
# FULCRUM names the tool; without it, build/release/fulcrum is built.
set -euo pipefail
start=$PWD
cd "$(dirname "$0")/.."

for command in node npm; do
  command -v "$command" >/dev/null || { echo "check_onnxruntime.sh: needs $command (apt install nodejs npm)" >&2; exit 1; }
done
if [ -z "${FULCRUM:-}" ]; then
  ./scripts/build.sh default fulcrum_tool
  FULCRUM=$PWD/build/release/fulcrum
fi

export ONNX_RUNTIME_FOLDER=$PWD/build/onnxruntime
if [ ! -d "$ONNX_RUNTIME_FOLDER/node_modules/onnxruntime-node" ]; then
  mkdir -p "$ONNX_RUNTIME_FOLDER"
  echo '{"private": true}' >"$ONNX_RUNTIME_FOLDER/package.json"
  npm install --prefix "$ONNX_RUNTIME_FOLDER" --ignore-scripts --no-audit --no-fund onnxruntime-node@1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# check MODEL TOLERANCE: batches of 1 and 4 on both executors. The tolerance is a part of the largest output.
check() {
  local batch executor
  for batch in 1 4; do
    node tests/onnxruntime/onnxruntime.mjs input "$1" "$batch" "$work/x.npy"
    for executor in onednn reference; do
      "$FULCRUM" run "$1" --input "$work/x.npy" --output "$work/y.npy" --executor "$executor" >/dev/null
      echo -n "batch $batch, $executor: "
      node tests/onnxruntime/onnxruntime.mjs compare "$1" "$work/x.npy" "$work/y.npy" "$2" || failures=$((failures + 1))
    done
  done
}

if [ $# -gt 0 ]; then
  cd "$start"
  models=("$@")
  for i in "${!models[@]}"; do models[i]=$(realpath "${models[i]}"); done
  cd - >/dev/null
  for model in "${models[@]}"; do check "$model" 1e-4; done
else
  # Pruning nothing leaves the float model. In int8 a sum on a rounding boundary may fall to either side, which later
  # layers carry to the output.
  for name in fashion_cnn mlp; do
    "$FULCRUM" compress "zoo:$name" --prune threshold=0 -o "$work/$name.onnx" >/dev/null
    check "$work/$name.onnx" 1e-5
    "$FULCRUM" compress "zoo:$name" --quantize int8 --data fashion-mnist -o "$work/${name}_int8.onnx" >/dev/null
    check "$work/${name}_int8.onnx" 2e-2
  done
fi

[ "$failures" -eq 0 ] || { echo "check_onnxruntime.sh: $failures comparison(s) differ" >&2; exit 1; }
