#!/usr/bin/env bash
# What including and using the library costs in compile time, beside the targets: an umbrella alone, README's ten lines,
# and a model's whole way from ONNX to ONNX; with the headers alone and against fulcrum::compiled.
#
#   benchmarks/compile_time.sh [COMPILER]        default g++
#
# CPU seconds and peak memory of one compiler process at -O2, with the library's own warnings on. Nothing is linked.
set -euo pipefail
cd "$(dirname "$0")/.."

compiler=${1:-g++}
folder=build/compile_time
mkdir -p "$folder"

echo '#include <fulcrum/fulcrum.hpp>' >"$folder/include.cpp"
awk '/^```cpp/ { inside = 1; next } /^```/ { if (inside) exit } inside' README.md >"$folder/readme.cpp"
cat >"$folder/onnx.cpp" <<'END'
#include <cstdio>
#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>
#include <fulcrum/onnx.hpp>

int main(int count, char** arguments) {
  using namespace fulcrum;
  if (count != 4) return 2;
  const Model<float> model = import_onnx(arguments[1]);
  const MachineProfile profile = calibrate();
  const Model<float> pruned = prune(model, {.sparsity = 0.5}).model;
  const Dataset images = load_dataset("fashion-mnist", Split::train);
  const Model<float> quantized =
      quantize_post_training(pruned, slice(images, 0, 256).images, onednn_runner(), int8_options_for_this_cpu()).model;
  const RunConfig config{.precision = Precision::int8};
  std::printf("predicted %.3f ms, measured %.3f ms\n", predict(quantized, config, profile).latency.p50.count(),
              measure(quantized, config).latency.p50.count());
  export_onnx(quantized, arguments[3]);
}
END

flags=(-std=c++20 -O2 -Wall -Wextra -Werror -Iinclude -DONNX_NAMESPACE=onnx -DONNX_ML=1)
for include in /usr/include/eigen3 /usr/local/include/eigen3; do
  [ -d "$include" ] && flags+=(-isystem "$include")
done

# compile NAME TARGET_S OPTION...
compile() {
  local name=$1 target=$2 figures
  shift 2
  figures=$(/usr/bin/time -f '%U %S %M' "$compiler" "${flags[@]}" "$@" -c "$folder/$name.cpp" -o "$folder/$name.o" 2>&1) ||
    { echo "$figures" >&2; exit 1; }
  awk -v name="$name" -v form="$form" -v target="$target" \
    '{ printf "| %-8s | %-8s | %6.1f | %6d | %5d |\n", name, form, $1 + $2, $3 / 1024, target }' <<<"$figures"
}

echo "| file     | form     | CPU s  | MB     | ≤ s   |"
echo "|----------|----------|--------|--------|-------|"
form=headers
compile include 5
compile readme 25
compile onnx 45
form=compiled
compile include 5 -DFULCRUM_COMPILED
compile readme 6 -DFULCRUM_COMPILED
compile onnx 8 -DFULCRUM_COMPILED
