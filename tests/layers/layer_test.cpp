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
  const auto kinds = kinds_of_all(std::make_index_sequence<std::variant_size_v<Layer<float>::Variant>>());
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
  CHECK(kind_of<float>(Reduce{ReduceKind::l2, {}, true}) == "ReduceL2");
  CHECK(kind_of<float>(ArgReduce{}) == "ArgMax");
  CHECK(kind_of<float>(ArgReduce{false, 0, true, false}) == "ArgMin");
  CHECK(kind_of<float>(Softmax{-1, true}) == "LogSoftmax");
  Recurrent<float> gru;
  gru.cell = RecurrentKind::gru;
  CHECK(kind_of<float>(gru) == "GRU");
  CHECK(kind_of<float>(Binary{BinaryKind::fmod}) == "Mod");
}

TEST_CASE("the concept tells layers from what is none") {
  static_assert(LayerType<Conv<float>> && LayerType<Softmax> && LayerType<Constant<double>>);
  static_assert(!LayerType<NotALayer>);  // no work(), no ==
  static_assert(!LayerType<int>);
  SUCCEED("checked at compile time");
}

namespace {
template <class L>
constexpr int families_of() {
  return int{MovementLayer<L>} + int{ElementwiseLayer<L>} + int{NormalizationLayer<L>} + int{ReductionLayer<L>};
}
template <std::size_t... I>
constexpr bool in_one_family_at_most(std::index_sequence<I...>) {
  return ((families_of<std::variant_alternative_t<I, Layer<double>::Variant>>() <= 1) && ...);
}
/// Whether a layer is one that depends on the model's scalar type is what its type says: it is the same in both sets.
template <std::size_t... I>
constexpr bool without_weights_are_the_same_in_both(std::index_sequence<I...>) {
  return ((LayerWithoutWeights<std::variant_alternative_t<I, Layer<float>::Variant>> ==
           std::is_same_v<std::variant_alternative_t<I, Layer<float>::Variant>,
                          std::variant_alternative_t<I, Layer<double>::Variant>>)&&...);
}
}  // namespace

TEST_CASE("families of layers do not overlap and say which layers hold no weights") {
  constexpr auto all = std::make_index_sequence<std::variant_size_v<Layer<float>::Variant>>();
  static_assert(in_one_family_at_most(all));
  static_assert(without_weights_are_the_same_in_both(all));
  static_assert(MovementLayer<const Slice&> && ReductionLayer<ArgReduce> &&
                NormalizationLayer<LayerNormalization<float>>);
  static_assert(!KernelLayer<Conv<float>> && !KernelLayer<Pool> && KernelLayer<Binary> &&
                KernelLayer<Recurrent<double>>);
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
  CHECK(names(ConvTranspose<float>{}) == Names{"weights", "bias"});
  CHECK(names(Recurrent<float>{}) == Names{"weights", "recurrent_weights", "bias", "peepholes"});
  CHECK(names(LayerNormalization<float>{}) == Names{"scale", "shift"});
  CHECK(names(InstanceNormalization<float>{}) == Names{"scale", "shift"});
  CHECK(names(Constant<float>{}) == Names{"value"});
  for (const Layer<float>& layer : {Layer<float>(Input{}),
                                    Layer<float>(Pool{}),
                                    Layer<float>(GlobalPool{}),
                                    Layer<float>(Activation{}),
                                    Layer<float>(Binary{}),
                                    Layer<float>(Concat{}),
                                    Layer<float>(Reshape{}),
                                    Layer<float>(Flatten{}),
                                    Layer<float>(Softmax{}),
                                    Layer<float>(MatMul{}),
                                    Layer<float>(LocalResponseNormalization{}),
                                    Layer<float>(MaxPoolIndices{}),
                                    Layer<float>(Where{}),
                                    Layer<float>(Cast{}),
                                    Layer<float>(QuantizeLinear{}),
                                    Layer<float>(DequantizeLinear{}),
                                    Layer<float>(Reduce{}),
                                    Layer<float>(ArgReduce{}),
                                    Layer<float>(Transpose{}),
                                    Layer<float>(Slice{}),
                                    Layer<float>(Expand{}),
                                    Layer<float>(Tile{}),
                                    Layer<float>(Gather{}),
                                    Layer<float>(Pad{}),
                                    Layer<float>(Resize{})}) {
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
