#include <fulcrum/exec/kernels/channel_affine.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onednn/adapter.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;
using fulcrum::test::random_tensor;

namespace {

std::vector<float> in_layout(const Tensor<float>& tensor, const Desc& desc) {
  dnnl::stream stream(cpu_engine());
  std::vector<float> result(desc.get_size() / sizeof(float));
  dnnl::memory from(plain_desc(tensor.dims(), DType::f32), cpu_engine(), const_cast<float*>(tensor.flat().data()));
  dnnl::memory to(desc, cpu_engine(), result.data());
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
  return result;
}

/// Batch norms with statistics of their own.
Model<float> with_statistics(Model<float> model, std::uint64_t seed) {
  for (NodeId id = 0; id < model.size(); ++id) {
    if (!std::holds_alternative<BatchNormalization<float>>(model.node(id).layer)) continue;
    auto& layer = std::get<BatchNormalization<float>>(model.edit_layer(id));
    const Shape channels = layer.mean.value->dims();
    layer.scale = random_tensor<float>(channels, ++seed);
    layer.shift = random_tensor<float>(channels, ++seed);
    layer.mean = random_tensor<float>(channels, ++seed);
    layer.variance = random_tensor<float>(channels, ++seed, 0.5, 2.0);
  }
  return model;
}

}  // namespace

TEST_CASE("factors and shifts by channel run in every layout, on values that are joined on the way") {
  for (const std::vector<std::int64_t>& channels :
       {std::vector<std::int64_t>{16, 32, 20}, {48}, {3}, {16, 16}, {5, 9, 1}}) {
    for (const std::int64_t block : {0, 1, 8, 16}) {
      bool whole = true;
      std::int64_t all = 0;
      for (const std::int64_t count : channels) {
        whole = whole && (block < 2 || all % block == 0);
        all += count;
      }
      if (!whole) continue;  // the next one would begin within a block
      for (const int threads : {1, 2}) {
        for (const std::vector<Activation>& functions :
             {std::vector<Activation>{},
              {{ActivationKind::relu}},
              {{ActivationKind::sigmoid}},
              {{ActivationKind::relu}, {ActivationKind::clip, 0.25F, 0.5F}}}) {
          INFO(channels.size() << " sources, " << all << " channels in blocks of " << block);
          const auto desc_of = [&](std::int64_t count) {
            const Shape shape{2, count, 5, 7};
            return block == 0   ? channels_last_desc(shape, DType::f32)
                   : block == 1 ? plain_desc(shape, DType::f32)
                                : blocked_channels_desc(shape, DType::f32, block);
          };
          ChannelAffine affine;
          affine.images = 2;
          affine.pixels = 35;
          affine.block = block;
          const Tensor<float> factor = random_tensor<float>({all}, 1), shift = random_tensor<float>({all}, 2);
          affine.factor.assign(factor.flat().begin(), factor.flat().end());
          affine.shift.assign(shift.flat().begin(), shift.flat().end());
          affine.functions = functions;
          std::vector<std::vector<float>> sources;
          Tensor<float> expected({2, all, 5, 7});
          std::int64_t first = 0;
          for (const std::int64_t count : channels) {
            const Tensor<float> src = random_tensor<float>({2, count, 5, 7}, static_cast<std::uint64_t>(3 + first));
            const Desc desc = desc_of(count);
            sources.push_back(in_layout(src, desc));
            affine.channels.push_back(static_cast<std::int64_t>(desc.get_size() / sizeof(float)) / 70);
            for (std::int64_t i = 0; i < 2 * count * 35; ++i) {
              const std::int64_t c = first + i / 35 % count;
              const auto at = static_cast<std::size_t>((i / (35 * count) * all + c) * 35 + i % 35);
              const auto channel = static_cast<std::size_t>(c);
              float y = factor.flat()[channel] * src.flat()[static_cast<std::size_t>(i)] + shift.flat()[channel];
              for (const Activation& function : functions) y = function(y);
              expected.flat()[at] = y;
            }
            first += count;
          }
          const Desc dst_desc = desc_of(all);
          std::vector<float> dst(dst_desc.get_size() / sizeof(float), 7.0F);
          affine.factor.resize(dst.size() / 70);
          affine.shift.resize(dst.size() / 70);
          std::vector<void*> pointers;
          for (std::vector<float>& source : sources) pointers.push_back(source.data());
          pointers.push_back(dst.data());
          channel_affine_function(affine, *channel_padding(dst_desc), threads)(pointers);
          const std::vector<float> wanted = in_layout(expected, dst_desc);
          double difference = 0.0;
          for (std::size_t i = 0; i < dst.size(); ++i)
            difference = std::max(difference, std::abs(static_cast<double>(dst[i]) - wanted[i]));
          CHECK(difference < 1e-6);
        }
      }
    }
  }
}

TEST_CASE("a batch norm runs with the join that it alone reads, as the reference computes it") {
  for (const std::int64_t channels : {5, 16, 32}) {
    for (const std::int64_t batch : {1, 3}) {
      for (const int threads : {1, 2}) {
        auto b = ModelBuilder<float>("dense_block", 3).input({channels, 6, 7}).conv(32, 1);
        for (int layer = 0; layer < 3; ++layer) {
          const NodeId x = b.last();
          b.batch_normalization().relu().conv(channels, 3, {.padding = 1});
          const NodeId added = b.last();
          b.from(x).concat({added});
        }
        const Model<float> model = with_statistics(b.batch_normalization().sigmoid().build(), 10);
        const Tensor<float> src = random_tensor<float>({batch, channels, 6, 7}, 4);
        const auto compiled = OnednnModel::compile(model, {.batch = batch, .threads = threads});
        int joins = 0;
        for (const StepInfo& step : compiled->steps()) {
          CHECK(step.kind != "Concat");
          joins += step.kind.starts_with("Concat+BatchNormalization") ? 1 : 0;
        }
        CHECK(joins == 3);
        const Tensor<float> dst = OnednnExecutor(compiled).run({&src, 1}).front();
        CHECK(test::relative_difference(dst, ReferenceExecutor<float>(model).run({&src, 1}).front()) <
              test::relative_tolerance(Precision::f32));
      }
    }
  }
}

TEST_CASE("a join that others read as well, that is an output or lies along rows is a step of its own") {
  const auto kinds = [](const Model<float>& model) {
    std::vector<std::string> result;
    const auto compiled = OnednnModel::compile(model, {});
    for (const StepInfo& step : compiled->steps()) result.push_back(step.kind);
    return result;
  };
  const auto has_join = [&](const Model<float>& model) {
    const auto all = kinds(model);
    return std::find(all.begin(), all.end(), "Concat+BatchNormalization") != all.end();
  };
  const auto branches = [](std::int64_t axis) {
    auto b = ModelBuilder<float>("branches", 3).input({16, 6, 6}).conv(16, 3, {.padding = 1});
    const NodeId x = b.last();
    b.conv(16, 3, {.padding = 1});
    return b.concat({x}, axis);
  };
  CHECK(has_join(branches(1).batch_normalization().build()));
  CHECK(has_join(branches(-3).batch_normalization().build()));
  CHECK_FALSE(has_join(branches(2).batch_normalization().build()));
  auto b = branches(1);
  const NodeId joined = b.last();
  Model<float> model = b.batch_normalization().add(joined).build();
  CHECK_FALSE(has_join(model));
  model.set_outputs({joined, *model.find("batchnormalization1")});
  CHECK_FALSE(has_join(model));
}
