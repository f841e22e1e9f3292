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
          channel_affine_function(affine, DType::f32, *channel_padding(dst_desc), threads)(pointers);
          const std::vector<float> wanted = in_layout(expected, dst_desc);
          double difference = 0.0;
          for (std::size_t i = 0; i < dst.size(); ++i)
            difference = std::max(difference, std::abs(static_cast<double>(dst[i]) - wanted[i]));
          CHECK(difference < 1e-6);

          if (functions.size() > 1 || (functions.size() == 1 && functions[0].function != ActivationKind::relu))
            continue;
          std::vector<std::vector<bf16>> rounded;
          for (const std::vector<float>& source : sources) {
            rounded.emplace_back();
            for (const float x : source) rounded.back().push_back(bf16(x));
          }
          std::vector<bf16> rounded_dst(dst.size(), bf16(7.0F));
          pointers.clear();
          for (std::vector<bf16>& source : rounded) pointers.push_back(source.data());
          pointers.push_back(rounded_dst.data());
          channel_affine_function(affine, DType::bf16, *channel_padding(dst_desc), threads)(pointers);
          double beyond = 0.0;  // rounding: of sources below 1 and of the result, by 2^-9 each
          for (std::size_t i = 0; i < dst.size(); ++i) {
            const auto got = static_cast<double>(static_cast<float>(rounded_dst[i]));
            beyond = std::max(beyond, std::abs(got - wanted[i]) - std::abs(wanted[i]) / 256.0 - 1.0 / 256.0);
          }
          CHECK(beyond <= 0.0);
        }
      }
    }
  }
}

TEST_CASE("batch norms in bf16 round to the nearest number, keep NaN and infinities, and stay finite") {
  std::vector<bf16> src;
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    bf16 value;
    value.bits = static_cast<std::uint16_t>(bits);
    src.push_back(value);
  }
  for (const std::int64_t block : {0, 1, 8, 16}) {
    for (const float factor : {1.0F, 1.0039F, -3.0F}) {
      ChannelAffine affine;
      affine.channels = {64};
      affine.images = 1;
      affine.pixels = 1024;
      affine.block = block;
      affine.factor.assign(64, factor);
      affine.shift.assign(64, 0.0F);
      std::vector<bf16> dst(src.size());
      std::vector<void*> pointers{src.data(), dst.data()};
      channel_affine_function(affine, DType::bf16, {}, 1)(pointers);
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < src.size(); ++i) {
        const float exact = static_cast<float>(src[i]) * factor;
        const bf16 wanted = finite_bf16(exact);
        wrong += std::isnan(exact) ? !std::isnan(static_cast<float>(dst[i]))
                                   : static_cast<float>(dst[i]) != static_cast<float>(wanted);
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("a batch norm in bf16 runs with the join that it alone reads as well") {
  if (!cpu_supports(Precision::bf16)) return;
  auto b = ModelBuilder<float>("dense_block", 3).input({16, 6, 7}).conv(32, 1);
  for (int layer = 0; layer < 3; ++layer) {
    const NodeId x = b.last();
    b.batch_normalization().relu().conv(16, 3, {.padding = 1});
    const NodeId added = b.last();
    b.from(x).concat({added});
  }
  const Model<float> model = with_statistics(b.batch_normalization().sigmoid().build(), 10);
  const Tensor<float> src = random_tensor<float>({2, 16, 6, 7}, 4);
  const auto compiled = OnednnModel::compile(model, {.batch = 2, .precision = Precision::bf16});
  int joins = 0;
  for (const StepInfo& step : compiled->steps()) {
    if (!step.kind.starts_with("Concat+BatchNormalization")) continue;
    ++joins;
    CHECK(step.src == DType::bf16);
    CHECK(step.implementation.starts_with("fulcrum:"));
  }
  CHECK(joins == 3);
  const Tensor<float> dst = OnednnExecutor(compiled).run({&src, 1}).front();
  CHECK(test::relative_difference(dst, ReferenceExecutor<float>(model).run({&src, 1}).front()) <
        test::relative_tolerance(Precision::bf16));
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
