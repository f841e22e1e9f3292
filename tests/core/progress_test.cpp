#include <fulcrum/core/progress.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a sink hears what it is told, an empty one can be asked whether anybody listens") {
  std::vector<Progress> heard;
  const ProgressSink sink = [&](const Progress& progress) { heard.push_back(progress); };
  const ProgressSink nobody;
  REQUIRE(sink);
  CHECK_FALSE(nobody);
  sink({0.25, "epoch 1/4", "loss 0.9"});
  sink({1.0, "epoch 4/4", {}});
  REQUIRE(heard.size() == 2);
  CHECK(heard[0].fraction == 0.25);
  CHECK(heard[0].detail == "loss 0.9");
  CHECK(heard[1].stage == "epoch 4/4");
  CHECK(heard[1].detail.empty());
}
