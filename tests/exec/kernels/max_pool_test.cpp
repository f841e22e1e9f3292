#include <fulcrum/exec/kernels/max_pool.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

/// The elements of (n, c, h, w) as the descriptor has them.
std::vector<float> laid_out(const Tensor<float>& tensor, const Desc& desc) {
  dnnl::stream stream(cpu_engine());
  std::vector<float> elements(desc.get_size() / sizeof(float));
  dnnl::memory from(plain_desc(tensor.dims(), DType::f32), cpu_engine(), const_cast<float*>(tensor.flat().data()));
  dnnl::memory to(desc, cpu_engine(), elements.data());
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
  return elements;
}

}  // namespace

#if defined(__x86_64__)
TEST_CASE("max pooling in own loops gives what the reference gives") {
  if (!__builtin_cpu_supports("avx2")) return;
  struct Setting {
    Shape src;
    Window window;
  };
  std::vector<Setting> settings(6);
  settings[0] = {{2, 16, 8, 6}, {}};
  settings[0].window.kernel = settings[0].window.stride = {2, 2};
  settings[1] = {{1, 24, 11, 13}, {}};
  settings[1].window.kernel = {3, 3};
  settings[1].window.stride = {2, 2};
  settings[1].window.padding = {1, 1, 1, 1};
  settings[2] = {{1, 12, 7, 9}, {}};  // half a block of channels
  settings[2].window.kernel = {3, 2};
  settings[2].window.padding = {2, 1, 0, 1};
  settings[3] = {{3, 8, 9, 9}, {}};
  settings[3].window.kernel = {2, 3};
  settings[3].window.dilation = {3, 2};
  settings[3].window.padding = {1, 2, 1, 1};
  settings[4] = {{1, 8, 6, 6}, {}};  // the last windows reach past the source
  settings[4].window.kernel = {3, 3};
  settings[4].window.stride = {2, 2};
  settings[4].window.ceil_mode = true;
  settings[5] = {{1, 152, 5, 7}, {}};  // vectors of 16 channels by four, by one, and half of one
  settings[5].window.kernel = {3, 3};
  settings[5].window.padding = {1, 1, 1, 1};

  int pooled = 0;
  for (const Setting& setting : settings) {
    Model<float> model("pool");
    Shape input = setting.src;
    input[0] = batch_dim;
    const NodeId src = model.add({"input", Input{input}, {}, {}});
    Pool layer;
    layer.pool = PoolKind::max;
    layer.window = setting.window;
    model.set_outputs({model.add({"pool", layer, {src}, {}})});
    Tensor<float> source = test::random_tensor<float>(setting.src, 3, -2.0, 1.0);
    source.flat()[5] = -std::numeric_limits<float>::infinity();
    const Tensor<float> expected = ReferenceExecutor<float>(model).run({&source, 1})[0];
    for (const bool blocked : {true, false}) {
      const auto desc = [&](const Shape& shape) {
        return blocked ? blocked_channels_desc(shape, DType::f32, 8) : channels_last_desc(shape, DType::f32);
      };
      const auto pool = max_pool_of(desc(setting.src), desc(expected.dims()), setting.window);
      CHECK(pool.has_value() == (blocked || setting.src[1] % 8 == 0));
      if (!pool) continue;
      ++pooled;
      std::vector<float> from = laid_out(source, desc(setting.src));
      for (const int threads : {1, 3}) {
        INFO(to_string(setting.src) << (blocked ? " blocked, " : " channels last, ") << threads << " threads");
        std::vector<float> to(laid_out(expected, desc(expected.dims())).size(), 7.0F);
        const std::vector<void*> pointers{from.data(), to.data()};
        max_pool_function(*pool, threads)(pointers);
        CHECK(to == laid_out(expected, desc(expected.dims())));
        std::fill(to.begin(), to.end(), 7.0F);  // also where the CPU has AVX-512
        max_pool_function_of<MaxOfFloats>(*pool, threads)(pointers);
        CHECK(to == laid_out(expected, desc(expected.dims())));
      }
    }
  }
  CHECK(pooled == 11);
}

TEST_CASE("a NaN in a window is its maximum, wherever it stands") {
  if (!__builtin_cpu_supports("avx2")) return;
  const Shape shape{1, 24, 2, 2}, one{1, 24, 1, 1};
  Window window;
  window.kernel = {2, 2};
  const auto pool = max_pool_of(channels_last_desc(shape, DType::f32), channels_last_desc(one, DType::f32), window);
  REQUIRE(pool);
  for (std::size_t at = 0; at < 4 * 24; at += 23) {
    std::vector<float> from(4 * 24, 1.0F);
    from[at] = std::numeric_limits<float>::quiet_NaN();
    for (const NativeFunction& function : {max_pool_function(*pool, 1), max_pool_function_of<MaxOfFloats>(*pool, 1)}) {
      std::vector<float> to(24, 7.0F);
      function(std::vector<void*>{from.data(), to.data()});
      for (std::size_t c = 0; c < 24; ++c) CHECK((c == at % 24 ? std::isnan(to[c]) : to[c] == 1.0F));
    }
  }
}

TEST_CASE("max pooling of integers in own loops gives what oneDNN gives") {
  if (!__builtin_cpu_supports("avx2")) return;
  Window window;
  window.kernel = {3, 2};
  window.stride = {2, 1};
  window.padding = {1, 0, 1, 1};
  const Shape src{2, 64, 7, 9};
  const Shape dst{2, 64, 4, 9};
  for (const DType dtype : {DType::u8, DType::s8}) {
    const Desc from = channels_last_desc(src, dtype);
    const Desc to = channels_last_desc(dst, dtype);
    const auto pool = max_pool_of(from, to, window);
    REQUIRE(pool);
    std::vector<std::uint8_t> integers;
    for (std::size_t i = 0; i < from.get_size(); ++i) integers.push_back(static_cast<std::uint8_t>(i * 7919 % 251));
    std::vector<std::uint8_t> expected(to.get_size());
    const auto pd = pooling_forward(dnnl::prop_kind::forward_inference, dnnl::algorithm::pooling_max, from, to,
                                    geometry_of(window, window_extents(src), window_extents(dst)), {});
    dnnl::stream stream(cpu_engine());
    PoolingForward(pd).execute(stream, {{DNNL_ARG_SRC, {from, cpu_engine(), integers.data()}},
                                        {DNNL_ARG_DST, {to, cpu_engine(), expected.data()}}});
    stream.wait();
    for (const int threads : {1, 3}) {
      std::vector<std::uint8_t> result(expected.size(), 77);
      const std::vector<void*> pointers{integers.data(), result.data()};
      max_pool_function(*pool, threads)(pointers);
      INFO(name_of(dtype) << ", " << threads << " threads");
      CHECK(result == expected);
    }
  }
}
#endif

TEST_CASE("layouts that are no images of whole vectors are left to oneDNN") {
  const Window window;
  const Shape shape{1, 12, 4, 4};
  CHECK_FALSE(max_pool_of(plain_desc(shape, DType::f32), plain_desc(shape, DType::f32), window));
  CHECK_FALSE(max_pool_of(channels_last_desc(shape, DType::f32), channels_last_desc(shape, DType::f32), window));
  const Shape even{1, 16, 4, 4};
  CHECK(max_pool_of(channels_last_desc(even, DType::f32), channels_last_desc(even, DType::f32), window));
  CHECK_FALSE(max_pool_of(channels_last_desc(even, DType::u8), channels_last_desc(even, DType::u8), window));
  const Shape wide{1, 32, 4, 4};
  CHECK(max_pool_of(channels_last_desc(wide, DType::u8), channels_last_desc(wide, DType::u8), window));
  CHECK_FALSE(max_pool_of(channels_last_desc(wide, DType::bf16), channels_last_desc(wide, DType::bf16), window));
}
