#include <fulcrum/passes/read_through_concat.hpp>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

std::size_t sources_of(const Model<float>& model, const std::string& name) {
  return model.node(*model.find(name)).src.size();
}

/// Layers that each read what all before them gave, and add to it.
ModelBuilder<float> dense_block(int layers) {
  auto b = ModelBuilder<float>("dense_block", 1).input({4, 5, 5});
  for (int layer = 0; layer < layers; ++layer) {
    const NodeId x = b.last();
    const NodeId added = b.batch_normalization().conv(2, 3, {.padding = 1}).last();
    b.from(x).concat({added});
  }
  return b;
}

}  // namespace

TEST_CASE("joins of joins that batch norms take are joins of what is joined in the end") {
  const Model<float> model = dense_block(4).batch_normalization().build();
  const Model<float> result = read_through_concat(model);
  CHECK(result.size() == model.size());
  for (int layer = 1; layer <= 4; ++layer) {
    const std::string name = "concat" + std::to_string(layer);
    CHECK(sources_of(model, name) == 2);
    CHECK(sources_of(result, name) == static_cast<std::size_t>(layer + 1));
    CHECK(result.consumers()[*result.find(name)].size() == 1);
  }
  const Tensor<float> src = test::random_tensor<float>({2, 4, 5, 5}, 7);
  CHECK(ReferenceExecutor<float>(result).run({&src, 1}) == ReferenceExecutor<float>(model).run({&src, 1}));
}

TEST_CASE("a join stays where another layer takes it, it is an output, rounded, or along another axis") {
  const Model<float> taken = dense_block(2).relu().build();  // no batch norm takes the last one
  CHECK(read_through_concat(taken) == taken);

  Model<float> model = dense_block(2).batch_normalization().build();
  model.set_outputs({*model.find("concat1"), model.outputs().front()});
  CHECK(read_through_concat(model) == model);

  model = dense_block(2).batch_normalization().build();
  model.set_dst_quantization(*model.find("concat1"), Quantization{DType::u8, {0.1F}, {0}, -1});
  CHECK(read_through_concat(model) == model);

  auto b = ModelBuilder<float>("axes", 1).input({4, 5, 5});
  const NodeId x = b.last();
  const NodeId inner = b.concat({x}, 2).last();
  b.batch_normalization();
  b.from(inner).concat({inner}, 1).batch_normalization();
  CHECK(read_through_concat(b.build()) == b.build());
}
