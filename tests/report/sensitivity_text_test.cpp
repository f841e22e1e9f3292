#include <fulcrum/report/sensitivity_text.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

SensitivityReport report(bool labels) {
  SensitivityReport r;
  r.model = "net";
  r.samples = 100;
  if (labels) r.accuracy = 0.9;
  LayerSensitivity pruned;
  pruned.layer = "conv, \"1\"";
  pruned.weights = 64;
  pruned.sparsity = 0.5;
  pruned.sqnr_db = 12.5;
  if (labels) pruned.accuracy = 0.875;
  LayerSensitivity rounded = pruned;
  rounded.sparsity.reset();
  rounded.bits = 4;
  r.rows = {pruned, rounded};
  return r;
}

}  // namespace

TEST_CASE("sensitivity is a table of points lost, or of decibels") {
  CHECK_THAT(to_text(report(true)), ContainsSubstring("-2.50") && ContainsSubstring("50 % zero") &&
                                        ContainsSubstring("4 bits") && ContainsSubstring("90.00 %"));
  CHECK_THAT(to_text(report(false)), ContainsSubstring("12.5 dB") && ContainsSubstring("SQNR"));
}
