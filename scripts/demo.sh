#!/usr/bin/env bash
# From a bare machine to an answer: installs what is missing, builds the tool, trains a small network on Fashion-MNIST,
# measures this machine, and looks for the best way to run the network within a latency target and an accuracy budget.
#
#   scripts/demo.sh [SLO_P99_MS]        the latency that 99 % of the inferences must keep; default 2 ms
#
# The results are in build/demo. What is there and newer than what it was made from is not made again.
set -euo pipefail
cd "$(dirname "$0")/.."

slo_p99_ms=${1:-2}
out=build/demo
fulcrum=build/release/fulcrum
model=$out/fashion_cnn.onnx
profile=$out/profile.json
report=$out/report.html
answer=$out/answer-$slo_p99_ms.txt

step() { printf '\n== %s\n' "$*"; }

# newer FILE INPUT...: whether FILE is there and no INPUT is newer.
newer() {
  local file=$1 input
  shift
  [ -e "$file" ] || return 1
  for input in "$@"; do
    [ "$file" -nt "$input" ] || return 1
  done
}

step "1/5  Packages"
./scripts/install_dependencies.sh

step "2/5  Build"
./scripts/build.sh default fulcrum_tool
mkdir -p "$out"

step "3/5  Train fashion_cnn on 60,000 images"
if newer "$model" "$fulcrum"; then
  echo "$model is there."
else
  "$fulcrum" train zoo:fashion_cnn --data fashion-mnist -o "$model"
fi

step "4/5  Measure what this machine can do"
if newer "$profile" "$fulcrum"; then
  echo "$profile is there."
else
  "$fulcrum" calibrate -o "$profile"
fi

step "5/5  Trade-off: p99 within $slo_p99_ms ms, at most 0.5 points of accuracy lost"
if newer "$answer" "$model" "$profile" && newer "$report" "$model" "$profile" && ! [ "$report" -nt "$answer" ]; then
  cat "$answer"
else
  "$fulcrum" tradeoff "$model" --data fashion-mnist --profile "$profile" --slo-p99-ms "$slo_p99_ms" \
    --max-accuracy-drop 0.5 --report "$report" | tee "$answer.part"
  mv "$answer.part" "$answer"
fi
printf '\nThe report: %s\n' "$report"
