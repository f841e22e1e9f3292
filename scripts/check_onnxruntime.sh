#!/usr/bin/env bash
# Holds Fulcrum against ONNX Runtime: the networks of the zoo, exported as f32 and the small ones as int8 (QDQ) too, must
# give the same outputs there. Needs node and npm, and the network once (onnxruntime-node goes to build/onnxruntime).
#
#   scripts/check_onnxruntime.sh                 the zoo
#   scripts/check_onnxruntime.sh MODEL.onnx ...  these models, as they are
#
# FULCRUM names the tool; without it, build/release/fulcrum is built.
set -euo pipefail
start=$PWD
cd "$(dirname "$0")/.."

ONNX_RUNTIME_FOLDER=$(./scripts/install_onnxruntime.sh)
export ONNX_RUNTIME_FOLDER
if [ -z "${FULCRUM:-}" ]; then
  ./scripts/build.sh default fulcrum_tool
  FULCRUM=$PWD/build/release/fulcrum
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# check MODEL TOLERANCE BATCHES EXECUTORS: every batch on every executor. The tolerance is a part of the largest output.
check() {
  local batch executor counts i inputs outputs
  for batch in $3; do
    rm -f "$work"/*.npy
    read -r -a counts < <(node tests/onnxruntime/onnxruntime.mjs inputs "$1" "$batch" "$work")
    inputs=() outputs=()
    for ((i = 0; i < ${counts[0]:?}; ++i)); do inputs+=(--input "$work/input$i.npy"); done
    for ((i = 0; i < ${counts[1]:?}; ++i)); do outputs+=(--output "$work/output$i.npy"); done
    for executor in $4; do
      rm -f "$work"/output*.npy
      if ! "$FULCRUM" run "$1" "${inputs[@]}" "${outputs[@]}" --executor "$executor" >/dev/null; then
        failures=$((failures + 1))
        continue
      fi
      echo -n "batch $batch, $executor: "
      node tests/onnxruntime/onnxruntime.mjs compare "$1" "$work" "$2" || failures=$((failures + 1))
    done
  done
}

if [ $# -gt 0 ]; then
  cd "$start"
  models=("$@")
  for i in "${!models[@]}"; do models[i]=$(realpath "${models[i]}"); done
  cd - >/dev/null
  for model in "${models[@]}"; do check "$model" 1e-4 "1 4" "onednn reference"; done
else
  # Pruning nothing leaves the float model. In int8 a sum on a rounding boundary may fall to either side, which later
  # layers carry to the output.
  for name in fashion_cnn mlp; do
    "$FULCRUM" compress "zoo:$name" --prune threshold=0 -o "$work/$name.onnx" >/dev/null
    check "$work/$name.onnx" 1e-5 "1 4" "onednn reference"
    "$FULCRUM" compress "zoo:$name" --quantize int8 --data fashion-mnist -o "$work/${name}_int8.onnx" >/dev/null
    check "$work/${name}_int8.onnx" 2e-2 "1 4" "onednn reference"
  done
  # The others one at a time: the largest file has half a gigabyte. Sums of 50 and more layers differ in their order.
  for name in resnet18 resnet50 mobilenet_v2 squeezenet1_1 vgg11 densenet121 efficientnet_b0 shufflenet_v2_x1_0 \
    mnasnet1_0 regnet_y_400mf resnext50_32x4d googlenet convnext_tiny unet r3d_18_slim m5 vit_tiny vit_b_16 bert_base \
    speech_lstm recommendation; do
    "$FULCRUM" compress "zoo:$name" --prune threshold=0 -o "$work/$name.onnx" >/dev/null
    check "$work/$name.onnx" 1e-4 1 onednn
    rm "$work/$name.onnx"
  done
fi

[ "$failures" -eq 0 ] || { echo "check_onnxruntime.sh: $failures comparison(s) differ" >&2; exit 1; }
