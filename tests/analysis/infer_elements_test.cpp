#include <fulcrum/analysis/infer_elements.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
/// The element of the layer's value for sources of these elements.
ElementType element_of(const Layer<float>& layer, const std::vector<ElementType>& src) {
  Model<float> model;
  std::vector<NodeId> ids;
  for (const ElementType element : src) {
    std::string name = "input";
    name += std::to_string(ids.size());
    ids.push_back(model.add({std::move(name), Input{{4}, element}, {}, {}}));
  }
  model.add({"layer", layer, ids, {}});
  return infer_elements(model).back();
}
}  // namespace

TEST_CASE("inputs and constants are what they were declared as") {
  CHECK(element_of(Input{{2}, ElementType::u8}, {}) == ElementType::u8);
  CHECK(element_of(Input{{2}}, {}) == ElementType::f32);
  Constant<float> constant;
  constant.value = Tensor<float>({2});
  constant.element = ElementType::s64;
  CHECK(element_of(constant, {}) == ElementType::s64);
}

TEST_CASE("layers that make other numbers than they take say which") {
  CHECK(element_of(Cast{ElementType::f16}, {ElementType::s32}) == ElementType::f16);
  CHECK(element_of(ArgReduce{}, {ElementType::f32}) == ElementType::s64);
  CHECK(element_of(MaxPoolIndices{}, {ElementType::f32}) == ElementType::s64);
  CHECK(element_of(QuantizeLinear{{DType::u8, {1.0F}, {0}, -1}}, {ElementType::f32}) == ElementType::u8);
  CHECK(element_of(QuantizeLinear{{DType::s8, {1.0F}, {0}, -1}}, {ElementType::f32}) == ElementType::s8);
  CHECK(element_of(DequantizeLinear{{DType::u8, {1.0F}, {0}, -1}}, {ElementType::u8}) == ElementType::f32);
  CHECK(element_of(Activation{ActivationKind::logical_not, 0.0F, 0.0F}, {ElementType::boolean}) ==
        ElementType::boolean);
}

TEST_CASE("comparisons give booleans whatever they compare, arithmetic does not") {
  CHECK(element_of(Binary{BinaryKind::less}, {ElementType::f32, ElementType::f32}) == ElementType::boolean);
  CHECK(element_of(Binary{BinaryKind::equal}, {ElementType::s64, ElementType::s64}) == ElementType::boolean);
  CHECK(element_of(Binary{BinaryKind::add}, {ElementType::s32, ElementType::s32}) == ElementType::s32);
}

TEST_CASE("a choice is of the type of what is chosen from") {
  CHECK(element_of(Where{}, {ElementType::boolean, ElementType::s64, ElementType::s64}) == ElementType::s64);
  CHECK(element_of(Gather{}, {ElementType::f16, ElementType::s64}) == ElementType::f16);
}

TEST_CASE("the others hand on the type of their first source, node after node") {
  Model<float> model;
  const NodeId input = model.add({"x", Input{{2, 3}, ElementType::s64}, {}, {}});
  const NodeId transposed = model.add({"t", Transpose{}, {input}, {}});
  const NodeId sum = model.add({"s", Reduce{ReduceKind::sum, {0}, false}, {transposed}, {}});
  const NodeId converted = model.add({"c", Cast{ElementType::f32}, {sum}, {}});
  model.add({"r", Activation{}, {converted}, {}});
  CHECK(infer_elements(model) == std::vector<ElementType>{ElementType::s64, ElementType::s64, ElementType::s64,
                                                          ElementType::f32, ElementType::f32});
}
