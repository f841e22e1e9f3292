#include <fulcrum/exec/onednn_options.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("by default a model runs one sample on one thread in f32 and falls back to nothing") {
  const OnednnOptions options;
  CHECK(options.batch == 1);
  CHECK(options.threads == 1);
  CHECK(options.precision == Precision::f32);
  CHECK_FALSE(options.allow_fallback);
}
