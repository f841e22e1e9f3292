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
    sampler.draw();
    for (std::int64_t i = 0; i < sampler.images().dim(0); ++i) {
      const float first = sampler.images().at(i, 0, 0, 0);
      CHECK(sampler.images().at(i, 1, 1, 2) == first + 11.0F);
      order.push_back(static_cast<int>(first) / 12);
      CHECK(sampler.labels()[static_cast<std::size_t>(i)] == order.back() % 4);
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
    sampler.draw();
    const auto row = sampler.images().flat();
    const std::vector<float> values(row.begin(), row.end());
    if (std::find(seen.begin(), seen.end(), values) == seen.end()) seen.push_back(values);
  }
  std::sort(seen.begin(), seen.end());
  // one row: a shift up or down leaves nothing
  CHECK(seen ==
        std::vector<std::vector<float>>{{0, 0, 0}, {0, 1, 2}, {0, 3, 2}, {1, 2, 3}, {2, 1, 0}, {2, 3, 0}, {3, 2, 1}});
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
