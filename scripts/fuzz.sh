#!/usr/bin/env bash
# Runs every fuzz target for a time, for the night: ./scripts/fuzz.sh [seconds for each, 600]. Needs clang++. What a
# target finds lies in build/fuzz/findings; its corpus is kept in build/fuzz/corpus and grows from night to night.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
build=build/fuzz

cmake -S . -B "$build" -DCMAKE_CXX_COMPILER=clang++ -DFULCRUM_BUILD_FUZZERS=ON -DFULCRUM_WITH_SERVE=ON \
  -DFULCRUM_BUILD_TOOL=OFF -DFULCRUM_BUILD_EXAMPLES=OFF >/dev/null
cmake --build "$build" --target fuzz_onnx_import fuzz_files serve_fuzz http_fuzz
programs=$build/tests/fuzz
"$programs/files_corpus" "$programs/seeds_of_files"
mkdir -p "$build/findings"

failed=0
fuzz() {  # NAME SEEDS OPTIONS...
  local name=$1 seeds=$2
  shift 2
  mkdir -p "$build/corpus/$name"
  echo "$name for $seconds s"
  "$programs/${name}_fuzz" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -verbosity=0 \
    -artifact_prefix="$build/findings/$name-" "$@" "$build/corpus/$name" "$seeds" || failed=1
}
fuzz onnx_import "$programs/seeds" -max_len=6000 -dict=tests/fuzz/onnx_import.dict
fuzz onnx_weights "$programs/seeds" -max_len=6000 -dict=tests/fuzz/onnx_import.dict
fuzz npy "$programs/seeds_of_files/npy" -max_len=512
fuzz idx "$programs/seeds_of_files/idx" -max_len=512
fuzz profile "$programs/seeds_of_files/profile" -max_len=8000
fuzz recipe examples/recipes -max_len=2000
fuzz serve "$programs/seeds_of_files/serve" -max_len=4000 -dict=tests/fuzz/http.dict
fuzz http "$programs/seeds_of_files/http" -max_len=4000 -dict=tests/fuzz/http.dict
exit $failed
