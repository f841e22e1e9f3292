#include <fulcrum/schedule/batch_slices.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

constexpr CacheSizes caches{32 << 10, 512 << 10, 32 << 20};

/// Values of 0.2 MB a sample, weights of next to nothing.
Model<float> wide_values() {
  return ModelBuilder<float>("wide").input({16, 56, 56}).conv(16, 1).relu().conv(16, 1).relu().build();
}
/// Values of 4 KB a sample, weights of 4 MB each.
Model<float> wide_weights() {
  return ModelBuilder<float>("heavy").input({1024}).dense(1024).relu().dense(1024).relu().dense(1024).build();
}

BatchSlices slices(const Model<float>& model, std::int64_t batch, int threads, const CacheSizes& of = caches) {
  return choose_slices(model, {batch, threads, 1, Precision::f32}, {.cores = 2, .caches = of});
}

}  // namespace

TEST_CASE("a batch is cut where its values outgrow the caches and a slice's do not") {
  const BatchSlices cut = slices(wide_values(), 64, 2);
  CHECK(cut.cut());
  CHECK(cut.samples == 1);  // source and result of one are in a core's own cache
  CHECK(cut.count == 64);
  CHECK(cut.lanes == 2);
  CHECK(cut.rounds() == 32.0);
  CHECK(to_string(cut) == "64 slices of 1 sample, 2 at a time");
  CHECK(slices(wide_values(), 64, 1).cut());  // one thread has caches too
}

TEST_CASE("a batch stays whole where nothing is gained") {
  CHECK(slices(wide_values(), 1, 2) == BatchSlices{1, 1, 1});
  CHECK(slices(wide_weights(), 64, 2) == BatchSlices{64, 1, 1});  // weights would be read for every slice
  const Model<float> small = ModelBuilder<float>("small").input({4, 8, 8}).conv(4, 3).relu().build();
  CHECK(slices(small, 8, 1) == BatchSlices{8, 1, 1});                          // everything is in the caches anyway
  CHECK(slices(wide_values(), 64, 2, CacheSizes{}) == BatchSlices{64, 1, 1});  // nothing is known of them
}

TEST_CASE("all threads get as many slices") {
  for (const std::int64_t batch : {2, 3, 6, 7, 12, 50, 64}) {
    for (const int threads : {1, 2, 3, 4}) {
      const BatchSlices s =
          choose_slices(wide_values(), {batch, threads, 1, Precision::f32}, {.cores = 4, .caches = caches});
      INFO(batch << " samples, " << threads << " threads: " << to_string(s));
      CHECK(s.samples * s.count == batch);
      if (!s.cut()) continue;
      CHECK(s.lanes == threads);
      CHECK((s.count % threads == 0 || s.count >= 8 * threads));
    }
  }
}

TEST_CASE("a model that mixes samples stays whole") {
  Model<float> model = wide_values();
  const NodeId last = model.outputs()[0];
  model.set_outputs({model.add({"over_the_batch", Softmax{0}, {last}, {}})});
  CHECK_FALSE(slices(model, 64, 2).cut());
}

TEST_CASE("a recurrent network is cut for what comes before its cells, unless their weights would be read too often") {
  const auto network = [](std::int64_t hidden) {  // text in an image: 28 columns are the steps
    auto b = ModelBuilder<float>("text").input({16, 56, 56}).conv(16, 1).relu().conv(16, 1).relu().max_pool(2);
    b.mean({2}, false).transpose({2, 0, 1}).lstm(hidden);  // (28, 1, N, hidden)
    return b.reshape({28, -1, hidden}).transpose({1, 0, 2}).dense(10).build();
  };
  CHECK(slices(network(16), 64, 2).cut());
  CHECK_FALSE(slices(network(2048), 64, 2).cut());  // 64 MB of weights in each of 28 steps
}

TEST_CASE("a constant that steps read is no part of a sample") {
  Model<float> model("table");
  const NodeId table = model.add({"table", Constant<float>{Tensor<float>({100000, 16})}, {}, {}});
  const NodeId ids = model.add({"ids", Input{{batch_dim, 8}, ElementType::s64}, {}, {}});
  const NodeId rows = model.add({"rows", Gather{0}, {table, ids}, {}});
  model.set_outputs({model.add({"relu", Activation{}, {rows}, {}})});
  CHECK_FALSE(slices(model, 64, 2).cut());
}
