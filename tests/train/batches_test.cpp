#include <fulcrum/train/batches.hpp>

#include <algorithm>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

/// Sample i: a (2, 2, 3) image of 12 numbers from 12·i on, and label i mod 4.
Dataset counted(std::int64_t size) {
  Dataset data;
  data.images = test::counting_tensor<float>({size, 2, 2, 3});
  for (std::int64_t i = 0; i < size; ++i) data.labels.push_back(static_cast<std::int32_t>(i % 4));
  data.classes = 4;
  return data;
}

/// The numbers of the samples of one epoch, in the order drawn; checks that images and labels stay together.
std::vector<int> epoch_of(BatchSampler& sampler) {
  std::vector<int> order;
  sampler.start_epoch();
  for (std::int64_t b = 0; b < sampler.batches_per_epoch(); ++b) {
    const Batch& batch = sampler.draw();
    CHECK(batch.classes == 4);
    CHECK_FALSE(batch.targets.has_value());
    for (std::int64_t i = 0; i < batch.src.dim(0); ++i) {
      const float first = batch.src.at(i, 0, 0, 0);
      CHECK(batch.src.at(i, 1, 1, 2) == first + 11.0F);
      order.push_back(static_cast<int>(first) / 12);
      CHECK(batch.labels[static_cast<std::size_t>(i)] == order.back() % 4);
    }
  }
  return order;
}

}  // namespace

TEST_CASE("an epoch draws each sample at most once, in an order of its own") {
  const Dataset data = counted(11);
  BatchSampler sampler(data, 3, {}, 5);
  CHECK(sampler.batches_per_epoch() == 3);
  const std::vector<int> first = epoch_of(sampler);
  const std::vector<int> second = epoch_of(sampler);
  CHECK(first.size() == 9);
  CHECK(first != second);
  std::vector<int> sorted = first;
  std::sort(sorted.begin(), sorted.end());
  CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
  BatchSampler again(data, 3, {}, 5);
  CHECK(epoch_of(again) == first);
  BatchSampler other(data, 3, {}, 6);
  CHECK(epoch_of(other) != first);
}

TEST_CASE("a plane is shifted and mirrored, with zeros where nothing was") {
  const std::vector<float> src{1, 2, 3, 4, 5, 6};  // (2, 3)
  std::vector<float> dst(6, 9.0F);
  const auto copied = [&](std::int64_t dy, std::int64_t dx, bool flip) {
    detail::copy_plane(src, dst, 2, 3, dy, dx, flip);
    return dst;
  };
  CHECK(copied(0, 0, false) == src);
  CHECK(copied(0, 0, true) == std::vector<float>{3, 2, 1, 6, 5, 4});
  CHECK(copied(1, 0, false) == std::vector<float>{0, 0, 0, 1, 2, 3});
  CHECK(copied(0, -1, false) == std::vector<float>{2, 3, 0, 5, 6, 0});
  CHECK(copied(-1, 2, true) == std::vector<float>{0, 0, 6, 0, 0, 0});
  CHECK(copied(5, 0, false) == std::vector<float>(6, 0.0F));
  CHECK(copied(0, -7, false) == std::vector<float>(6, 0.0F));
}

TEST_CASE("augmentation makes every variant it promises and no other") {
  Dataset data;
  data.images = Tensor<float>({1, 1, 1, 3}, {1, 2, 3});
  data.labels = {0};
  data.classes = 1;
  BatchSampler sampler(data, 1, {.flip = true, .shift = 1}, 3);
  std::vector<std::vector<float>> seen;
  for (int epoch = 0; epoch < 300; ++epoch) {
    sampler.start_epoch();
    const auto row = sampler.draw().src.flat();
    const std::vector<float> values(row.begin(), row.end());
    if (std::find(seen.begin(), seen.end(), values) == seen.end()) seen.push_back(values);
  }
  std::sort(seen.begin(), seen.end());
  // one row: a shift up or down leaves nothing
  CHECK(seen ==
        std::vector<std::vector<float>>{{0, 0, 0}, {0, 1, 2}, {0, 3, 2}, {1, 2, 3}, {2, 1, 0}, {2, 3, 0}, {3, 2, 1}});
}

TEST_CASE("samples of any shape are drawn with their targets") {
  const auto src = test::counting_tensor<float>({9, 2});
  const auto targets = test::counting_tensor<float>({9, 3, 2});
  BatchSampler sampler(SampleView(src, targets), 4, {}, 7);
  sampler.start_epoch();
  for (int b = 0; b < 2; ++b) {
    const Batch& batch = sampler.draw();
    CHECK(batch.src.dims() == Shape{4, 2});
    CHECK(batch.labels.empty());
    CHECK(batch.classes == 0);
    REQUIRE(batch.targets.has_value());
    REQUIRE(batch.targets->dims() == Shape{4, 3, 2});
    for (std::int64_t i = 0; i < 4; ++i) {
      const float sample = batch.src.at(i, 0) / 2.0F;
      CHECK(batch.src.at(i, 1) == 2.0F * sample + 1.0F);
      CHECK(batch.targets->at(i, 0, 0) == 6.0F * sample);
      CHECK(batch.targets->at(i, 2, 1) == 6.0F * sample + 5.0F);
    }
  }
}

TEST_CASE("labelled images may have targets as well, and augmentation leaves both alone") {
  const Dataset data = counted(8);
  const auto targets = test::counting_tensor<float>({8, 1});
  BatchSampler sampler(SampleView(data, targets), 8, {.flip = true, .shift = 1}, 7);
  sampler.start_epoch();
  const Batch& batch = sampler.draw();
  REQUIRE(batch.targets.has_value());
  for (std::int64_t i = 0; i < 8; ++i) {
    CHECK(batch.labels[static_cast<std::size_t>(i)] == static_cast<int>(batch.targets->at(i, 0)) % 4);
  }
}

TEST_CASE("samples and targets that do not belong together are refused") {
  const Dataset data = counted(4);
  const Tensor<float> three(Shape{3, 2});
  const Tensor<float> four(Shape{4, 2});
  const Tensor<float> scalar;
  CHECK_THROWS_WITH(SampleView(data, three), ContainsSubstring("(4, 2, 2, 3)") && ContainsSubstring("(3, 2)"));
  CHECK_THROWS_WITH(SampleView(four, three), ContainsSubstring("(4, 2) and targets (3, 2)"));
  CHECK_THROWS_AS(SampleView(scalar, four), Error);
  CHECK_THROWS_WITH(BatchSampler(SampleView(four, four), 2, {.flip = true}, 0), ContainsSubstring("is for images"));
}

TEST_CASE("a batch that cannot be drawn is refused") {
  const Dataset data = counted(4);
  CHECK_THROWS_WITH(BatchSampler(data, 5, {}, 0), ContainsSubstring("batch 5"));
  CHECK_THROWS_WITH(BatchSampler(data, 0, {}, 0), ContainsSubstring("batch 0"));
  CHECK_THROWS_WITH(BatchSampler(data, 2, {.shift = -1}, 0), ContainsSubstring("negative shift"));
  Dataset broken = data;
  broken.labels[2] = 4;
  CHECK_THROWS_WITH(BatchSampler(broken, 2, {}, 0), ContainsSubstring("label 4"));
}
