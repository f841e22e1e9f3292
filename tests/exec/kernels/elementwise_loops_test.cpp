#include <fulcrum/exec/kernels/elementwise_loops.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <fulcrum/exec/kernels/elementwise_vectors.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onednn/adapter.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;
using fulcrum::test::random_tensor;

namespace {

std::vector<float> reordered(const std::vector<float>& elements, const Desc& from_desc, const Desc& to_desc) {
  dnnl::stream stream(cpu_engine());
  std::vector<float> result(to_desc.get_size() / sizeof(float));
  dnnl::memory from(from_desc, cpu_engine(), const_cast<float*>(elements.data()));
  dnnl::memory to(to_desc, cpu_engine(), result.data());
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
  return result;
}
std::vector<float> packed_as(const Tensor<float>& tensor, const Desc& desc) {
  const std::vector<float> elements(tensor.flat().begin(), tensor.flat().end());
  return reordered(elements, plain_desc(tensor.dims(), DType::f32), desc);
}

Tensor<float> expected_of(BinaryKind function, const Tensor<float>& a, const Tensor<float>& b,
                          const std::vector<Activation>& functions) {
  Model<float> model("binary");
  const NodeId x = model.add({"a", Constant<float>{a, {}}, {}, {}});
  const NodeId y = model.add({"b", Constant<float>{b, {}}, {}, {}});
  NodeId last = model.add({"binary", Binary{function}, {x, y}, {}});
  for (const Activation& activation : functions) last = model.add({"f" + std::to_string(last), activation, {last}, {}});
  model.set_outputs({last});
  return ReferenceExecutor<float>(model).run({}).front();
}

bool alike(float x, float y) {
  return (std::isnan(x) && std::isnan(y)) || x == y || std::abs(x - y) <= 1e-5F * std::abs(y);
}

}  // namespace

TEST_CASE("functions of two values give in any layout and broadcast what the reference gives") {
  const auto layouts = [](const Shape& shape) {
    std::vector<Desc> all{plain_desc(shape, DType::f32)};
    if (has_channels_last(shape.size())) {
      all.push_back(channels_last_desc(shape, DType::f32));
      for (const std::int64_t block : {8, 16}) all.push_back(blocked_channels_desc(shape, DType::f32, block));
    }
    return all;
  };
  struct Setting {
    Shape a, b;
  };
  const std::vector<Setting> settings{{{2, 20, 3, 5}, {2, 20, 3, 5}},
                                      {{2, 20, 3, 5}, {1, 20, 1, 1}},
                                      {{2, 20, 3, 5}, {2, 20, 1, 1}},
                                      {{2, 20, 3, 5}, {1, 1, 1, 1}},
                                      {{2, 20, 3, 5}, {1, 1, 3, 5}},
                                      {{2, 16, 3, 5}, {2, 1, 1, 5}},
                                      {{2, 8, 4, 4}, {1, 8, 4, 1}},
                                      {{3, 40, 2, 2, 3}, {1, 40, 1, 1, 1}},
                                      {{7, 1}, {7, 33}},
                                      {{7, 1}, {1, 33}},
                                      {{2500}, {2500}},
                                      {{1, 3000}, {1, 1}}};
  int ran = 0;
  for (const Setting& setting : settings) {
    const Tensor<float> a = random_tensor<float>(setting.a, 1);
    const Tensor<float> b = random_tensor<float>(setting.b, 2, 0.5, 2.0);
    const Shape shape = broadcast(setting.a, setting.b);
    for (const BinaryKind function : {BinaryKind::add, BinaryKind::sub, BinaryKind::div, BinaryKind::max,
                                      BinaryKind::pow, BinaryKind::less, BinaryKind::prelu}) {
      const std::vector<Activation> functions =
          function == BinaryKind::sub
              ? std::vector<Activation>{{ActivationKind::relu}, {ActivationKind::linear, 2.0F, 1.0F}}
              : std::vector<Activation>{};
      const Tensor<float> expected = expected_of(function, a, b, functions);
      for (const Desc& dst : layouts(shape)) {
        for (const Desc& a_desc : layouts(setting.a)) {
          for (const Desc& b_desc : layouts(setting.b)) {
            const auto loops = broadcast_loops(dst, a_desc, b_desc);
            const auto padding = channel_padding(dst);
            REQUIRE(padding);
            INFO(name_of(function) << " " << to_string(setting.a) << " " << to_string(setting.b) << " "
                                   << layout_name(dst) << " " << layout_name(a_desc) << " " << layout_name(b_desc));
            // A source that lies as the result does, or whose axes lie evenly, can always be read.
            if (setting.a == shape && a_desc == dst && is_plain(b_desc) && padding->tail == 0) REQUIRE(loops);
            if (!loops) continue;
            ++ran;
            std::vector<float> x = packed_as(a, a_desc), y = packed_as(b, b_desc);
            std::vector<float> z(dst.get_size() / sizeof(float), 77.0F);
            void* pointers[] = {x.data(), y.data(), z.data()};
            binary_function(function, *loops, functions, *padding, 2)(pointers);
            if (padding->tail > 0) {  // what is in the padding is 0
              const std::vector<float> plain = reordered(z, dst, plain_desc(shape, DType::f32));
              const std::vector<float> again = packed_as(Tensor<float>(shape, plain), dst);
              CHECK(std::memcmp(z.data(), again.data(), z.size() * sizeof(float)) == 0);  // NaNs among them
            }
            const std::vector<float> actual = reordered(z, dst, plain_desc(shape, DType::f32));
            bool all_alike = true;
            for (std::size_t i = 0; i < actual.size(); ++i)
              all_alike = all_alike && alike(actual[i], expected.flat()[i]);
            CHECK(all_alike);
          }
        }
      }
    }
  }
  CHECK(ran > 300);
}

TEST_CASE("functions of one value give what their definition gives, NaN and infinities included") {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float inf = std::numeric_limits<float>::infinity();
  std::vector<float> src{nan, inf, -inf, -0.0F, 0.0F, 0.5F, -0.5F, 1.0F, -1.0F, 88.7F, 88.8F, -87.5F, -104.5F, 3e38F};
  for (int i = 0; i < 4000; ++i) src.push_back(static_cast<float>(i - 2000) * 0.05F);
  for (int kind = 0; kind <= static_cast<int>(ActivationKind::linear); ++kind) {
    const auto function = static_cast<ActivationKind>(kind);
    const Activation activation{function, 0.5F, function == ActivationKind::clip ? 6.0F : 0.75F};
    std::vector<float> dst(src.size());
    void* pointers[] = {src.data(), dst.data()};
    activation_function({activation}, static_cast<std::int64_t>(src.size()), {}, 2)(pointers);
    for (std::size_t i = 0; i < src.size(); ++i) {
      const float expected = activation(src[i]);
      INFO(name_of(function) << "(" << src[i] << ") = " << dst[i] << ", not " << expected);
      CHECK((alike(dst[i], expected) || std::abs(dst[i] - expected) < 1e-37F));
    }
  }
}

TEST_CASE("values with gaps in their memory have no loops") {
  const Desc gaps({2, 8}, dnnl::memory::data_type::f32, Dims{16, 1});
  CHECK_FALSE(is_dense(gaps));
  CHECK_FALSE(broadcast_loops(gaps, gaps, gaps));
  CHECK(is_dense(channels_last_desc({2, 8, 3, 3}, DType::f32)));
}
