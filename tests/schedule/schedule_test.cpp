#include <fulcrum/schedule/schedule.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a slice runs on one thread, beside the other lanes") {
  const RunConfig config{.batch = 64, .threads = 2, .instances = 3};
  CHECK(config_of_slice(config, {64, 1, 1}) == config);
  const RunConfig slice = config_of_slice(config, {4, 16, 2});
  CHECK(slice.batch == 4);
  CHECK(slice.threads == 1);
  CHECK(slice.instances == 6);
  CHECK(BatchSlices{4, 16, 2}.rounds() == 8.0);
  CHECK(to_string(BatchSlices{4, 16, 2}) == "16 slices of 4 samples, 2 at a time");
}

TEST_CASE("a step's row holds the work of all slices") {
  Step step;
  step.name = "conv1";
  step.kind = "Conv";
  step.flops = 10.0;
  step.src_bytes = 3.0;
  step.threads = 2;
  step.dst = DType::bf16;
  step.algorithm = Algorithm::winograd;
  const StepLatency row = row_of(step, 4.0);
  CHECK(row.name == "conv1");
  CHECK(row.flops == 40.0);
  CHECK(row.bytes == 12.0);
  CHECK(row.dst == DType::bf16);
  CHECK(row.threads == 2);
  CHECK(row.algorithm == "winograd");
}
