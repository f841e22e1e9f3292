#include <fulcrum/report/profile_text.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a profile's text names the machine, its rates and how well its models predict") {
  MachineProfile profile;
  profile.environment.cpu = "Some CPU";
  profile.duration_s = 12.0;
  profile.rates.peaks.push_back({Precision::bf16, 2, 3.5e12});
  profile.rates.bandwidths.push_back({"L2", 2097152.0, 2, 1e11});
  profile.rates.overheads.push_back({2, 1.25, 0.5});
  EfficiencyModel model;
  model.kernel = KernelClass::dense;
  model.precision = Precision::int8;
  model.loo_error = 0.07;
  profile.efficiency.push_back(model);
  const std::string text = to_text(profile);
  CHECK_THAT(text, ContainsSubstring("Some CPU"));
  CHECK_THAT(text, ContainsSubstring("3.50 TFLOP/s"));
  CHECK_THAT(text, ContainsSubstring("bandwidth L2"));
  CHECK_THAT(text, ContainsSubstring("1.25 µs"));
  CHECK_THAT(text, ContainsSubstring("7 %"));
  CHECK_THAT(text, ContainsSubstring("calibrated in 12 s"));
}
