#!/bin/sh
# The three deployments, before and after, on this machine:
#
#   examples/deployments/deployments.sh [FOLDER] [recommendation|camera|medical ...]
#
# FOLDER (default: build/deployments) gets the models, a plan and a page for each, and the fresh loads. FULCRUM and MODELS
# name the programs where they are not in build/release; TIME_LIMIT is that of a plan in seconds.
set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/../.." && pwd)
folder=${1:-$root/build/deployments}
[ $# -gt 0 ] && shift
fulcrum=${FULCRUM:-$root/build/release/fulcrum}
models=${MODELS:-$root/build/release/examples/example_deployment_models}
limit=${TIME_LIMIT:-60}
[ -e "$folder/medical_int8.onnx" ] || "$models" "$folder"

# A plan, and a fresh load with other arrivals where there is one.
stage() {
  name=$1 stage=$2 rate=$3 slo=$4
  shift 4
  plan=$folder/${name}_$stage.json
  rm -f "$plan"
  echo "== $name, $stage: $rate requests/s, p99 <= $slo ms"
  "$fulcrum" plan "$folder/$name.onnx" --rate "$rate" --slo-p99-ms "$slo" --time-limit "$limit" -o "$plan" \
    --report "$folder/${name}_$stage.html" "$@" || [ $? -eq 3 ]
  [ -e "$plan" ] || return 0
  echo "-- again, with a fresh load"
  "$fulcrum" load --config "$plan" --duration 20s --seed 7 || [ $? -eq 3 ]
}

# What the f32 model does, and what it takes to serve twice the rate in half the time.
deploy() {
  stage "$1" before "$2" "$3" --precisions f32
  stage "$1" after "$4" "$5" --precisions f32,bf16 --variants "$folder/$1_int8.onnx"
}

for name in ${*:-recommendation camera medical}; do
  case $name in
    recommendation) deploy recommendation 100 10 200 5 ;;
    camera) deploy camera 100 20 200 10 ;;
    medical) deploy medical 50 30 100 15 ;;
    *) echo "there is no deployment '$name'" >&2; exit 1 ;;
  esac
done
