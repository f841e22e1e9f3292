#include <fulcrum/cost/machine_rates.hpp>

#include <support/catch.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

TEST_CASE("peaks are those of the precision and thread count") {
  const MachineRates rates = synthetic::rates();
  CHECK(rates.peak(Precision::f32, 1) == Approx(1e11));
  CHECK(rates.peak(Precision::int8, 2) == Approx(8e11));
  CHECK(rates.peak(Precision::f32, 64) == Approx(2e11));  // no more than was seen
}

TEST_CASE("figures between two thread counts follow a power law") {
  MachineRates rates;
  rates.peaks = {{Precision::f32, 1, 1e9}, {Precision::f32, 4, 4e9}};
  CHECK(rates.peak(Precision::f32, 2) == Approx(2e9));
}

TEST_CASE("bandwidth falls smoothly from one level to the next") {
  const MachineRates rates = synthetic::rates();
  CHECK(rates.bandwidth(1e5, 1) == Approx(1e11).epsilon(1e-3));
  CHECK(rates.bandwidth(1e12, 1) == Approx(1e10).epsilon(0.01));
  double before = 1e12;
  for (double bytes = 1e5; bytes < 1e9; bytes *= 1.3) {
    const double now = rates.bandwidth(bytes, 1);
    CHECK(now <= before * (1.0 + 1e-12));
    before = now;
  }
  // A little above its capacity a level serves half of the traffic; at two and a half times that next to nothing.
  CHECK(rates.bandwidth(1.05e6, 1) == Approx(1.0 / (0.5 / 1e11 + 0.5 / 1e10)));
  CHECK(rates.bandwidth(2.5e6, 1) == Approx(1e10).epsilon(0.01));
}

TEST_CASE("caches are those of one core, from the fewest threads that were calibrated") {
  CHECK(synthetic::rates().caches() == CacheSizes{0, 1000000, 0});
  MachineRates rates;
  rates.bandwidths = {{"L1", 64e3, 2, 2e11}, {"L2", 2e6, 2, 1e11}, {"L3", 32e6, 2, 5e10}, {"DRAM", 0.0, 2, 1e10}};
  CHECK(rates.caches() == CacheSizes{32000, 1000000, 32000000});
  CHECK(MachineRates{}.caches() == CacheSizes{});
}

TEST_CASE("what was not calibrated is asked for in vain") {
  MachineRates rates = synthetic::rates();
  std::erase_if(rates.peaks, [](const PeakRate& p) { return p.precision == Precision::bf16; });
  CHECK_FALSE(rates.knows(Precision::bf16));
  CHECK_THROWS_WITH(rates.peak(Precision::bf16, 1),
                    ContainsSubstring("bf16") && ContainsSubstring("fulcrum calibrate"));
  CHECK_THROWS_AS(MachineRates{}.bandwidth(1.0, 1), Error);
  CHECK_THROWS_AS(MachineRates{}.step_overhead_us(1), Error);
}
