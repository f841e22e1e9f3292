#include <fulcrum/exec/kernels/depthwise_planes.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/passes/prune.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

std::int64_t steps_in_planes(const OnednnModel& model) {
  return std::count_if(model.steps().begin(), model.steps().end(),
                       [](const StepInfo& step) { return step.implementation == "fulcrum:depthwise_planes"; });
}

std::vector<DepthwiseLoops> all_loops() {
  std::vector<DepthwiseLoops> loops{{&depthwise::pack_anywhere, &depthwise::sum_anywhere}};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0)
    loops.push_back({&depthwise::pack_avx2, &depthwise::sum_avx2});
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0)
    loops.push_back({&depthwise::pack_avx512, &depthwise::sum_avx512});
#endif
  return loops;
}

Model<float> pruned(ModelBuilder<float>& builder) { return prune(std::move(builder).build(), {.sparsity = 0.7}).model; }

/// The worst difference from the reference, with what ran in planes checked.
double planes_difference(const Model<float>& model, RunConfig config, std::int64_t expected_steps) {
  config.algorithms.sparse = UseAlgorithm::always;
  const Shape& shape = std::get<Input>(model.node(model.inputs()[0]).layer).shape;
  const Tensor<float> src = test::random_tensor<float>(with_batch(shape, config.batch), 23);
  OnednnExecutor executor(model, config);
  CHECK(steps_in_planes(executor.compiled()) == expected_steps);
  const Tensor<float> expected = ReferenceExecutor<float>(model).run({&src, 1})[0];
  const double first = test::relative_difference(executor.run({&src, 1})[0], expected);
  return std::max(first, test::relative_difference(executor.run({&src, 1})[0], expected));
}

constexpr double planes_tolerance = test::relative_tolerance(Precision::f32);

}  // namespace

TEST_CASE("depthwise convolutions in planes give what a sum over their taps gives, whatever window and cut") {
  Random random(5);
  const auto pick = [&](std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most - least + 1)));
  };
  const auto floats = [&](std::int64_t count) {
    std::vector<float> result(static_cast<std::size_t>(count));
    for (float& x : result) x = static_cast<float>(random.uniform(-1.0, 1.0));
    return result;
  };
  int runs = 0;
  for (int i = 0; i < 300; ++i) {
    DepthwiseConv conv;
    conv.images = pick(1, 3);
    conv.channels = pick(1, 20);
    const std::int64_t largest = i % 3 == 0 ? 60 : 18;
    conv.src_height = pick(1, largest);
    conv.src_width = pick(1, largest);
    conv.kernel = {pick(1, 5), pick(1, 5)};
    if (i % 2 == 0) conv.kernel = {3, 3};
    conv.stride = {pick(1, 3), pick(1, 3)};
    if (i % 5 != 0) conv.stride[0] = conv.stride[1] = pick(1, 2);
    if (i % 3 == 0) conv.dilation = {pick(1, 3), pick(1, 3)};
    const std::int64_t wide = i % 11 == 0 ? 12 : 3;
    conv.padding = {pick(0, wide), pick(0, wide)};
    if (i % 4 == 1) conv.padding = {1, 1};
    // Results whose windows lie in the source and the padding around it.
    const auto extent = [&](std::size_t axis, std::int64_t src) {
      const std::int64_t room =
          src + conv.padding[axis] + pick(0, wide) - conv.dilation[axis] * (conv.kernel[axis] - 1);
      return room < 1 ? 0 : (room - 1) / conv.stride[axis] + 1;
    };
    conv.dst_height = extent(0, conv.src_height);
    conv.dst_width = extent(1, conv.src_width);
    if (conv.dst_height == 0 || conv.dst_width == 0) continue;
    const bool clamps = i % 2 == 1;
    if (clamps) {
      conv.least = -0.5F;
      conv.largest = 1.0F;
    }
    const int threads = static_cast<int>(pick(1, 3));
    std::vector<float> src = floats(conv.images * conv.channels * conv.src_plane());
    std::vector<float> weights = floats(conv.channels * conv.taps()), bias = floats(conv.channels);
    const auto result_of = [&](const float* from, std::int64_t c, std::int64_t at) {
      double sum = bias[static_cast<std::size_t>(c)];
      for (std::int64_t tap = 0; tap < conv.taps(); ++tap) {
        const std::int64_t y = at / conv.dst_width * conv.stride[0] + tap / conv.kernel[1] * conv.dilation[0];
        const std::int64_t x = at % conv.dst_width * conv.stride[1] + tap % conv.kernel[1] * conv.dilation[1];
        const std::int64_t row = y - conv.padding[0], column = x - conv.padding[1];
        if (row < 0 || row >= conv.src_height || column < 0 || column >= conv.src_width) continue;
        sum += static_cast<double>(from[row * conv.src_width + column]) *
               weights[static_cast<std::size_t>(c * conv.taps() + tap)];
      }
      return clamps ? std::clamp(sum, -0.5, 1.0) : sum;
    };
    INFO(conv.src_height << "x" << conv.src_width << " to " << conv.dst_height << "x" << conv.dst_width << ", window "
                         << conv.kernel[0] << "x" << conv.kernel[1] << ", stride " << conv.stride[0] << ", "
                         << conv.stride[1] << ", dilation " << conv.dilation[0] << ", " << conv.dilation[1]
                         << ", padding " << conv.padding[0] << ", " << conv.padding[1] << ", " << threads
                         << " threads");
    std::vector<double> expected;
    for (std::int64_t plane = 0; plane < conv.images * conv.channels; ++plane) {
      for (std::int64_t at = 0; at < conv.dst_height * conv.dst_width; ++at)
        expected.push_back(result_of(src.data() + plane * conv.src_plane(), plane % conv.channels, at));
    }
    const auto worst = [&](const std::vector<float>& dst) {
      double most = 0.0;
      const std::int64_t pixels = conv.dst_height * conv.dst_width;
      for (std::size_t k = 0; k < expected.size(); ++k) {
        const auto at = static_cast<std::int64_t>(k);
        const double x = dst[static_cast<std::size_t>(at / pixels * conv.dst_plane() + at % pixels)];
        const double difference = std::abs(x - expected[k]);
        if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
        most = std::max(most, difference);
      }
      return most;
    };
    // What lies in scratch memory beforehand does not matter.
    constexpr float nan = std::numeric_limits<float>::quiet_NaN();
    const auto elements = static_cast<std::size_t>(conv.images * conv.channels * conv.dst_plane());

    const DepthwiseCut cut = plan_depthwise_cut(conv, threads);
    std::vector<float> scratch(
        static_cast<std::size_t>(DepthwiseFunction::scratch_bytes(conv, cut, threads)) / sizeof(float), nan);
    std::vector<float> dst(elements, 7.0F);
    const std::vector<void*> pointers{src.data(), weights.data(), bias.data(), scratch.data(), dst.data()};
    DepthwiseFunction(conv, {}, cut, threads)(pointers);
    CHECK(worst(dst) < 1e-5);
    bool clear = true;
    for (std::size_t at = 0; at < dst.size(); ++at) {
      const auto pixel = static_cast<std::int64_t>(at) % conv.dst_plane();
      clear = clear && (pixel < conv.dst_height * conv.dst_width || dst[at] == 0.0F);
    }
    CHECK(clear);

    // The loops that copy rows, of every instruction set that the CPU has, in two parts.
    conv.tile_rows = (conv.dst_height + 1) / 2;
    std::vector<std::int64_t> offsets;
    for (std::int64_t tap = 0; tap < conv.taps(); ++tap) offsets.push_back(conv.offset_of(tap));
    for (const DepthwiseLoops& loops : all_loops()) {
      const auto copied = static_cast<std::size_t>(conv.channels * conv.channel_elements());
      std::vector<float> packed(copied, nan);
      std::vector<float> again(elements, 7.0F);
      for (std::int64_t image = 0; image < conv.images; ++image) {
        for (std::int64_t first = 0; first < conv.dst_height; first += conv.tile_rows) {
          const DepthwiseTile tile{conv,
                                   first,
                                   std::min(conv.tile_rows, conv.dst_height - first),
                                   conv.channels,
                                   src.data() + image * conv.channels * conv.src_plane(),
                                   packed.data(),
                                   weights.data(),
                                   offsets.data(),
                                   bias.data(),
                                   clamps,
                                   again.data() + image * conv.channels * conv.dst_plane()};
          loops.pack(tile);
          loops.sum(tile);
        }
      }
      CHECK(worst(again) < 1e-5);
    }
    ++runs;
  }
  CHECK(runs > 200);
}

TEST_CASE("a depthwise convolution between sparse products runs in planes and gives what the reference gives") {
  struct Setting {
    std::int64_t extent;
    Extent2 kernel;
    ConvOptions options;
  };
  const Setting settings[] = {{7, {3, 3}, {.padding = 1}},
                              {14, {3, 3}, {.stride = {2, 2}, .padding = 1}},
                              {25, {3, 3}, {.padding = 1}},
                              {33, {5, 5}, {.stride = {2, 2}, .padding = 2}},
                              {20, {3, 2}, {.stride = {1, 3}, .padding = {2, 0, 1, 3}, .dilation = {2, 2}}}};
  for (const Setting& s : settings) {
    for (const std::int64_t batch : {1, 3}) {
      for (const int threads : {1, 2}) {
        for (const ActivationKind function : {ActivationKind::clip, ActivationKind::swish}) {
          INFO("images of " << s.extent << ", batch " << batch << ", " << threads << " threads");
          ModelBuilder<float> b("block", 3);
          b.input({12, s.extent, s.extent + 2}).conv(40, 1).relu6();
          ConvOptions options = s.options;
          options.groups = 40;
          b.conv(40, s.kernel, options).activation(function, function == ActivationKind::clip ? -1.0F : 1.0F, 2.0F);
          b.conv(12, 1).relu();
          CHECK(planes_difference(pruned(b), {.batch = batch, .threads = threads, .slice = batch}, 1) <
                planes_tolerance);
        }
      }
    }
  }
}

TEST_CASE("blocks with residual sums stay in planes, from windows on") {
  for (const int threads : {1, 2}) {
    ModelBuilder<float> b("blocks", 9);
    b.input({3, 40, 40}).conv(16, 3, {.stride = {2, 2}, .padding = 1}).relu6();
    b.depthwise_conv(3, {.padding = 1}).relu6().conv(24, 1);
    for (int i = 0; i < 2; ++i) {
      const NodeId before = b.last();
      b.conv(72, 1).relu6().depthwise_conv(3, {.padding = 1}).relu6().conv(24, 1).add(before);
    }
    b.conv(72, 1).relu6().depthwise_conv(3, {.stride = {2, 2}, .padding = 1}).relu6().conv(32, 1);
    b.global_average_pool().flatten().dense(10);
    CHECK(planes_difference(pruned(b), {.threads = threads}, 4) < planes_tolerance);
  }
}

TEST_CASE("a NaN or infinity in the source of a block goes where the reference has it") {
  ModelBuilder<float> b("block", 3);
  b.input({8, 9, 9}).conv(32, 1).relu6().depthwise_conv(3, {.padding = 1}).relu6().conv(8, 1);
  const Model<float> model = pruned(b);
  OnednnExecutor executor(model, {.algorithms = {.sparse = UseAlgorithm::always}});
  Tensor<float> src = test::random_tensor<float>({1, 8, 9, 9}, 1);
  src.at(0, 3, 4, 4) = std::numeric_limits<float>::quiet_NaN();
  const Tensor<float> expected = ReferenceExecutor<float>(model).run({&src, 1})[0];
  const Tensor<float> dst = executor.run({&src, 1})[0];
  int nans = 0;
  for (std::size_t i = 0; i < dst.flat().size(); ++i) {
    CHECK(std::isnan(dst.flat()[i]) == std::isnan(expected.flat()[i]));
    nans += std::isnan(dst.flat()[i]) ? 1 : 0;
  }
  CHECK(nans > 0);
}
