#!/usr/bin/env bash
# From a bare machine to an answer: installs what is missing, builds the tool, trains a small network on Fashion-MNIST,
# measures this machine, and looks for the best way to run the network within a latency target and an accuracy budget.
# Then it plans a service, starts it, and puts the planned load on it.
#
#   scripts/demo.sh [SLO_P99_MS [RATE]]        the latency that 99 % of the inferences must keep, default 2 ms, and of the
#                                              requests to the service, which wait for each other, five times as much;
#                                              requests per second, default 500
#
# The results are in build/demo. What is there and newer than what it was made from is not made again.
set -euo pipefail
cd "$(dirname "$0")/.."

slo_p99_ms=${1:-2}
rate=${2:-500}
served_p99_ms=$(awk "BEGIN { print 5 * $slo_p99_ms }")
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

step "1/7  Packages"
./scripts/install_dependencies.sh

step "2/7  Build"
./scripts/build.sh default fulcrum_tool
mkdir -p "$out"

step "3/7  Train fashion_cnn on 60,000 images"
if newer "$model" "$fulcrum"; then
  echo "$model is there."
else
  "$fulcrum" train zoo:fashion_cnn --data fashion-mnist -o "$model"
fi

step "4/7  Measure what this machine can do"
if newer "$profile" "$fulcrum"; then
  echo "$profile is there."
else
  "$fulcrum" calibrate -o "$profile"
fi

step "5/7  Trade-off: p99 within $slo_p99_ms ms, at most 0.5 points of accuracy lost"
if newer "$answer" "$model" "$profile" && newer "$report" "$model" "$profile" && ! [ "$report" -nt "$answer" ]; then
  cat "$answer"
else
  "$fulcrum" tradeoff "$model" --data fashion-mnist --profile "$profile" --slo-p99-ms "$slo_p99_ms" \
    --max-accuracy-drop 0.5 --report "$report" | tee "$answer.part"
  mv "$answer.part" "$answer"
fi

step "6/7  Plan a service: $rate requests/s, p99 within $served_p99_ms ms"
plan=$out/plan-$rate-$slo_p99_ms.json
if newer "$plan" "$model" "$profile"; then
  echo "$plan is there."
else
  "$fulcrum" plan "$model" --data fashion-mnist --profile "$profile" --rate "$rate" --slo-p99-ms "$served_p99_ms" \
    --max-accuracy-drop 0.5 --time-limit 60 -o "$plan" --report "$out/plan.html" || {
    printf '\nNothing to serve: give a lower rate or a higher bound. The report: %s\n' "$report"
    exit
  }
fi

step "7/7  Serve it over HTTP, and put that load on it"
served=$out/$(sed -n 's/^ *"model": *"\(.*\)".*/\1/p' "$plan" | head -n 1)  # beside the plan
mkdir -p "$out/models/fashion_cnn/1"
cp "$served" "$out/models/fashion_cnn/1/model.onnx"
"$fulcrum" serve --models "$out/models" --config "$plan" --port 0 >"$out/serve.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
address=""
for _ in $(seq 300); do
  address=$(sed -n 's,^listening on \(http://[^ ]*\).*,\1,p' "$out/serve.log")
  if [ -n "$address" ] && grep -q '"event":"ready"' "$out/serve.log"; then break; fi
  kill -0 "$server" 2>/dev/null || { cat "$out/serve.log" >&2; exit 1; }
  sleep 0.1
done
# The generator shares the cores with the server here.
"$fulcrum" load "$address/v2/models/fashion_cnn" --rate "$rate" --slo-p99-ms "$served_p99_ms" --duration 20s ||
  echo "What came of it is above: the plan did not hold in this run."
kill -TERM "$server"
wait "$server"

printf '\nThe reports: %s and %s\n' "$report" "$out/plan.html"
