#include <fulcrum/passes/calibration.hpp>

#include <algorithm>
#include <limits>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

namespace {

std::vector<Tensor<float>> run_reference(const Model<float>& model, std::span<const Tensor<float>> sources) {
  return ReferenceExecutor<float>(model).run(sources);
}

Model<float> small_cnn() {
  auto b = ModelBuilder<float>("cnn", 3).input({1, 8, 8}).conv(4, 3).batch_normalization().relu().max_pool(2);
  return std::move(b.conv(4, 3, {.padding = 1}).leaky_relu(0.5F).flatten().dense(3).softmax()).build();
}

}  // namespace

TEST_CASE("each value that is rounded gets the range that it takes on the images") {
  const Model<float> model = small_cnn();
  const auto images = random_tensor<float>({10, 1, 8, 8}, 5, 0.0, 1.0);
  const ValueRanges ranges = calibrate_ranges(model, images, run_reference);
  REQUIRE(ranges.size() == 3);

  const Model<float> folded = fold_batch_normalization(model).model;
  const auto values = ReferenceExecutor<float>(folded).run_all(std::span(&images, 1));
  for (const char* name : {"input", "relu1", "leakyrelu1"}) {
    const auto flat = values[*folded.find(name)].flat();
    CHECK(ranges.at(name).min == std::min(0.0F, *std::min_element(flat.begin(), flat.end())));
    CHECK(ranges.at(name).max == *std::max_element(flat.begin(), flat.end()));
  }
  CHECK(ranges.at("leakyrelu1").min < 0.0F);
}

TEST_CASE("the runner sees one model and slices of bounded size that make up all images") {
  const auto images = random_tensor<float>({10, 1, 8, 8}, 5, 0.0, 1.0);
  const ValueRanges at_once = calibrate_ranges(small_cnn(), images, run_reference);
  std::vector<std::int64_t> batches;
  const Model<float>* seen = nullptr;
  const ModelRunner recording = [&](const Model<float>& model, std::span<const Tensor<float>> part) {
    CHECK((seen == nullptr || seen == &model));
    seen = &model;
    CHECK_FALSE(model.find("softmax1"));  // nothing is computed that is not observed
    batches.push_back(part[0].dim(0));
    return run_reference(model, part);
  };
  CHECK(calibrate_ranges(small_cnn(), images, recording, {.calibration_batch = 4}) == at_once);
  CHECK(batches == std::vector<std::int64_t>{4, 4, 2});
  CHECK_THROWS_WITH(calibrate_ranges(small_cnn(), images, run_reference, {.calibration_batch = 0}),
                    ContainsSubstring("batch 0"));
}

TEST_CASE("a percentile range lies within the extremes") {
  const auto images = random_tensor<float>({16, 1, 8, 8}, 5, 0.0, 1.0);
  const ValueRanges all = calibrate_ranges(small_cnn(), images, run_reference);
  const ValueRanges most = calibrate_ranges(small_cnn(), images, run_reference,
                                            {.method = CalibrationMethod::percentile, .percentile = 95.0});
  for (const auto& entry : all) {
    CHECK(most.at(entry.first).max < entry.second.max);
    CHECK(most.at(entry.first).max > 0.3F * entry.second.max);
    CHECK(most.at(entry.first).min >= entry.second.min);
  }
}

TEST_CASE("a model that needs only its input observed is not run at all") {
  const Model<float> model = ModelBuilder<float>("m").input({4}).dense(2).build();
  const ModelRunner never = [](const Model<float>&, std::span<const Tensor<float>>) -> std::vector<Tensor<float>> {
    FAIL("there is nothing to run");
    return {};
  };
  const auto ranges = calibrate_ranges(model, Tensor<float>({2, 4}, {1, 2, 3, -4, 5, 6, 7, 8}), never);
  CHECK(ranges == ValueRanges{{"input", {-4, 8}}});
}

TEST_CASE("constants are observed without a run") {
  auto b = ModelBuilder<float>("m").input({2, 1, 1}).conv(2, 1);
  const NodeId left = b.last();
  b.layer(Constant<float>{Tensor<float>({1, 2, 1, 1}, {-3, 2})}, {}).named("image").conv(2, 1).add(left);
  const Model<float> model = std::move(b).build();
  const auto ranges = calibrate_ranges(model, Tensor<float>({1, 2, 1, 1}, {1, 2}), run_reference);
  CHECK(ranges.at("image") == Range{-3, 2});
}

TEST_CASE("images that the model does not take are refused") {
  const Model<float> model = small_cnn();
  CHECK_THROWS_WITH(calibrate_ranges(model, Tensor<float>({2, 1, 8, 9}), run_reference),
                    ContainsSubstring("(2, 1, 8, 9)") && ContainsSubstring("(N, 1, 8, 8)"));
  CHECK_THROWS_WITH(calibrate_ranges(model, Tensor<float>({0, 1, 8, 8}), run_reference),
                    ContainsSubstring("(0, 1, 8, 8)"));
  CHECK_THROWS_AS(calibrate_ranges(model, Tensor<float>(), run_reference), Error);
}

TEST_CASE("a model with several inputs is calibrated on one source for each, sliced along its batch") {
  Model<float> model("two");
  const NodeId a = model.add({"a", Input{{batch_dim, 3}}, {}, {}});
  const NodeId b = model.add({"b", Input{{2, batch_dim, 3}}, {}, {}});  // a sequence, its steps first
  const NodeId c = model.add({"c", Input{{3}}, {}, {}});                // the same for every sample
  const NodeId first = model.add({"first", Slice{.axes = {0}, .starts = {0}, .ends = {1}, .steps = {}}, {b}, {}});
  const NodeId step = model.add({"step", Reshape{{-1, 3}}, {first}, {}});
  const NodeId sum = model.add({"sum", Binary{BinaryKind::add}, {a, step}, {}});
  const NodeId shifted = model.add({"shifted", Binary{BinaryKind::add}, {sum, c}, {}});
  const NodeId dense = model.add({"dense", Dense<float>{Tensor<float>({1, 3}, {1, 1, 1}), {}}, {shifted}, {}});
  model.set_outputs({dense});
  const std::vector<Tensor<float>> sources{
      Tensor<float>({3, 3}, {0, 0, 0, 0, 0, 0, 0, 0, 7}),
      Tensor<float>({2, 3, 3}, {0, 0, 0, 0, 0, 0, 0, 0, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9}), Tensor<float>({3}, {0, -1, 1})};
  std::vector<std::int64_t> batches;
  const ModelRunner recording = [&](const Model<float>& m, std::span<const Tensor<float>> part) {
    CHECK(part[1].dim(1) == part[0].dim(0));
    batches.push_back(part[0].dim(0));
    return run_reference(m, part);
  };
  const ValueRanges ranges = calibrate_ranges(model, sources, recording, {.calibration_batch = 2});
  CHECK(batches == std::vector<std::int64_t>{2, 1});
  CHECK(ranges.at("shifted") == Range{-1, 10});

  CHECK_THROWS_WITH(calibrate_ranges(model, sources[0], run_reference), ContainsSubstring("1 source(s)"));
  std::vector<Tensor<float>> uneven = sources;
  uneven[1] = Tensor<float>({2, 4, 3});
  CHECK_THROWS_WITH(calibrate_ranges(model, uneven, run_reference),
                    ContainsSubstring("'b'") && ContainsSubstring("are 4"));
}

TEST_CASE("values and weights that are not finite are refused by layer name") {
  const float infinity = std::numeric_limits<float>::infinity();
  auto images = random_tensor<float>({2, 1, 8, 8}, 1);
  images.flat()[70] = infinity;
  CHECK_THROWS_WITH(calibrate_ranges(small_cnn(), images, run_reference), ContainsSubstring("'input'"));

  Model<float> broken = small_cnn();
  std::get<Conv<float>>(broken.edit_layer(1)).bias.value.edit().flat()[0] = std::nanf("");
  CHECK_THROWS_WITH(calibrate_ranges(broken, random_tensor<float>({2, 1, 8, 8}, 1), run_reference),
                    ContainsSubstring("'conv1'") && ContainsSubstring("bias"));

  const ModelRunner overflowing = [&](const Model<float>& model, std::span<const Tensor<float>> part) {
    auto values = run_reference(model, part);
    values[1].flat()[3] = infinity;
    return values;
  };
  CHECK_THROWS_WITH(calibrate_ranges(small_cnn(), random_tensor<float>({2, 1, 8, 8}, 1), overflowing),
                    ContainsSubstring("'leakyrelu1'"));
}

TEST_CASE("a runner that does not return every value is refused") {
  const ModelRunner forgetful = [](const Model<float>&, std::span<const Tensor<float>>) {
    return std::vector<Tensor<float>>{};
  };
  CHECK_THROWS_WITH(calibrate_ranges(small_cnn(), random_tensor<float>({2, 1, 8, 8}, 1), forgetful),
                    ContainsSubstring("returned 0 values of 2"));
}

TEST_CASE("calibration methods are known by name") {
  CHECK(calibration_method_from("minmax") == CalibrationMethod::minmax);
  for (const CalibrationMethod method :
       {CalibrationMethod::percentile, CalibrationMethod::entropy, CalibrationMethod::mse})
    CHECK(calibration_method_from(name_of(method)) == method);
  CHECK_THROWS_WITH(calibration_method_from("median"), ContainsSubstring("entropy or mse"));
}
