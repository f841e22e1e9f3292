#include <fulcrum/layers/layer.hpp>

#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
template <std::size_t... I>
std::vector<std::string> kinds_of_all(std::index_sequence<I...>) {
  return {kind_of(Layer<float>(std::in_place_index<I>))...};
}

struct NotALayer {
  static constexpr std::string_view kind = "NotALayer";
  [[nodiscard]] Shape dst_shape(std::span<const Shape>) const { return {}; }
};
}  // namespace

TEST_CASE("every layer of the set has a kind of its own") {
  const auto kinds = kinds_of_all(std::make_index_sequence<std::variant_size_v<Layer<float>>>());
  CHECK(std::set<std::string>(kinds.begin(), kinds.end()).size() == kinds.size());
}

TEST_CASE("a layer is called as ONNX calls it") {
  CHECK(kind_of<float>(Conv<float>{}) == "Conv");
  CHECK(kind_of<float>(Activation{ActivationKind::hard_swish, 0.0F, 0.0F}) == "HardSwish");
  CHECK(kind_of<float>(Binary{BinaryKind::mul}) == "Mul");
  CHECK(kind_of<float>(Pool{}) == "MaxPool");
  CHECK(kind_of<float>(GlobalPool{PoolKind::average}) == "GlobalAveragePool");
  CHECK(kind_of<float>(GlobalPool{PoolKind::max}) == "GlobalMaxPool");
  Pool average;
  average.pool = PoolKind::average;
  CHECK(kind_of<double>(average) == "AveragePool");
}

TEST_CASE("the concept tells layers from what is none") {
  static_assert(LayerType<Conv<float>> && LayerType<Softmax> && LayerType<Constant<double>>);
  static_assert(!LayerType<NotALayer>);  // no work(), no ==
  static_assert(!LayerType<int>);
  SUCCEED("checked at compile time");
}

TEST_CASE("shape and work of the set are those of the layer in it") {
  Dense<float> dense;
  dense.weights = Tensor<float>({3, 8});
  const Layer<float> layer = dense;
  const std::vector<Shape> src{{5, 8}};
  CHECK(dst_shape(layer, std::span<const Shape>(src)) == dense.dst_shape(src));
  CHECK(work_of(layer, std::span<const Shape>(src), {5, 3}) == dense.work(src, {5, 3}));
}

TEST_CASE("the parameters of each layer are visited by name, the empty ones too") {
  const auto names = [](Layer<float> layer) {
    std::vector<std::string> result;
    for_each_parameter(layer, [&](const char* name, Parameter<float>&) { result.emplace_back(name); });
    return result;
  };
  using Names = std::vector<std::string>;
  CHECK(names(Conv<float>{}) == Names{"weights", "bias"});
  CHECK(names(Dense<float>{}) == Names{"weights", "bias"});
  CHECK(names(BatchNormalization<float>{}) == Names{"scale", "shift", "mean", "variance"});
  CHECK(names(Constant<float>{}) == Names{"value"});
  for (const Layer<float>& layer : {Layer<float>(Input{}), Layer<float>(Pool{}), Layer<float>(GlobalPool{}),
                                    Layer<float>(Activation{}), Layer<float>(Binary{}), Layer<float>(Concat{}),
                                    Layer<float>(Reshape{}), Layer<float>(Flatten{}), Layer<float>(Softmax{})}) {
    CHECK(names(layer).empty());
  }
}

TEST_CASE("parameters of a constant layer are constant") {
  Layer<float> layer = Dense<float>{};
  for_each_parameter(
      layer, [](const char*, auto& p) { static_assert(!std::is_const_v<std::remove_reference_t<decltype(p)>>); });
  const Layer<float>& constant = layer;
  int visited = 0;
  for_each_parameter(constant, [&](const char*, auto& p) {
    static_assert(std::is_const_v<std::remove_reference_t<decltype(p)>>);
    ++visited;
  });
  CHECK(visited == 2);
}
