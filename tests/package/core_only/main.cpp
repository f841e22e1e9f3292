#include <cstdio>

#include <fulcrum/core/units.hpp>
#include <fulcrum/model/builder.hpp>

int main() {
  const auto model =
      fulcrum::ModelBuilder<float>("consumer").input({1, 28, 28}).conv(8, 3).relu().flatten().dense(10).build();
  const double flops = fulcrum::total_work(model, 1).flops;
  std::printf("%s\n", fulcrum::format_flops(flops).c_str());
  return flops == 8.0 * 26 * 26 * (2 * 9 + 1) + 8.0 * 26 * 26 + 10.0 * (2 * 8 * 26 * 26 + 1) ? 0 : 1;
}
