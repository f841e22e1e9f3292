#include <fulcrum/exec/onednn_model_cache.hpp>

#include <array>
#include <thread>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {
Model<float> conv_and_dense() {
  return ModelBuilder<float>("cnn", 1).input({3, 8, 8}).conv(24, 3, {.padding = 1}).relu().flatten().dense(50).build();
}
}  // namespace

TEST_CASE("batch sizes of one model share their packed weights") {
  OnednnModelCache cache(conv_and_dense());
  const auto one = cache.at(1);
  const std::size_t weights = cache.weight_bytes();
  CHECK(weights == one->memory().weights);
  CHECK(weights >= (24U * 3 * 9 + 50U * 24 * 64) * sizeof(float));
  const auto eight = cache.at(8);
  CHECK(eight->src_shapes() == std::vector<Shape>{{8, 3, 8, 8}});
  // oneDNN may want the weights of few rows in another layout (3.7 does); what it wants alike is there once.
  CHECK(cache.weight_bytes() < one->memory().weights + eight->memory().weights);
  CHECK(cache.at(1) == one);
}

TEST_CASE("a batch size from a cache gives what one compiled by itself gives") {
  OnednnModelCache cache(conv_and_dense());
  cache.warm_up(std::array<std::int64_t, 2>{4, 1});
  const Tensor<float> src = test::random_tensor<float>({4, 3, 8, 8}, 5);
  CHECK(OnednnExecutor(cache.at(4)).run({&src, 1}) == OnednnExecutor(conv_and_dense(), {.batch = 4}).run({&src, 1}));
}

TEST_CASE("threads that ask for one batch size get one compiled model") {
  OnednnModelCache cache(conv_and_dense());
  std::array<std::shared_ptr<const OnednnModel>, 4> got;
  std::array<std::thread, 4> threads;
  for (std::size_t i = 0; i < threads.size(); ++i) threads[i] = std::thread([&, i] { got[i] = cache.at(2); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& compiled : got) CHECK(compiled == got[0]);
}

TEST_CASE("a batch size that cannot be compiled is refused every time and leaves the others alone") {
  OnednnModelCache cache(conv_and_dense());
  for (int i = 0; i < 2; ++i) CHECK_THROWS_WITH(cache.at(0), ContainsSubstring("batch: is 0"));
  CHECK(cache.at(1)->src_shapes().front()[0] == 1);
}
