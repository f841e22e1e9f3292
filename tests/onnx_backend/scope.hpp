#pragma once
/// \file
/// Which cases of ONNX's backend suite Fulcrum answers for, and why the others are left out.

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <onnx/onnx_pb.h>

#include "tensor_proto.hpp"

namespace fulcrum::backend_test {

/// The operators that are supported, in every form that the suite has of them.
inline constexpr std::string_view supported_operators[]{
    // windows and products
    "Conv", "ConvTranspose", "Gemm", "MatMul", "MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool", "LpPool",
    "GlobalLpPool",
    // normalization
    "BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization", "LRN",
    "MeanVarianceNormalization", "RMSNormalization",
    // attention
    "Attention", "RotaryEmbedding",
    // activations
    "Relu", "LeakyRelu", "ThresholdedRelu", "PRelu", "Clip", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu",
    "Selu", "Celu", "Softplus", "Softsign", "Gelu", "Swish", "Erf", "Mish", "Softmax", "LogSoftmax", "Dropout",
    "Shrink",
    // arithmetic
    "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Sum", "Mean", "Neg", "Abs", "Exp", "Log", "Sqrt",
    "Reciprocal", "Floor", "Ceil", "Round", "Sign", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh",
    "Asinh", "Acosh", "Atanh", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "IsNaN", "IsInf",
    "Einsum", "LpNormalization",
    // reductions
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd",
    "ReduceSum", "ReduceSumSquare", "ArgMax", "ArgMin",
    // movement
    "Concat", "Split", "Slice", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Expand", "Tile", "Gather",
    "Pad", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "Identity",
    // losses
    "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss",
    // indices and positions
    "GatherElements", "GatherND", "Scatter", "ScatterElements", "ScatterND", "TopK", "CumSum", "OneHot", "Hardmax",
    "Compress", "NonZero", "ReverseSequence", "MaxUnpool", "Trilu", "EyeLike", "GridSample", "RoiAlign",
    "NonMaxSuppression",
    // types, shapes, constants
    "Cast", "CastLike", "Shape", "Size", "Constant", "ConstantOfShape", "Range", "HannWindow", "HammingWindow",
    "BlackmanWindow",
    // comparison and logic
    "Where", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Xor", "Not",
    // control flow and sequences
    "If", "Loop", "Scan", "SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SequenceAt",
    "SequenceLength", "SplitToSequence", "ConcatFromSequence",
    // recurrence
    "LSTM", "GRU", "RNN",
    // integers
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "MatMulInteger",
    "ConvInteger"};

inline constexpr std::int64_t last_opset = 24;

/// Why a case is left out: the same words for all that are left out for one reason.
struct Exclusion {
  enum class Kind { type, training, opset, operators } kind;
  std::string what;  ///< the type, the opset, or the operator
};

namespace detail {

inline std::optional<std::string> unsupported_type(const ::onnx::TypeProto& type) {
  if (!type.has_tensor_type()) return "sequences, optional values and maps";
  const std::int32_t element = type.tensor_type().elem_type();
  if (element == Proto::STRING) return "strings";
  if (element == Proto::COMPLEX64 || element == Proto::COMPLEX128) return "complex numbers";
  if (!element_type(element)) return "floats of 8 bits and integers of 4";
  return std::nullopt;
}

inline std::int64_t integer_attribute(const ::onnx::NodeProto& node, std::string_view name, std::int64_t otherwise) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == name) return attribute.i();
  }
  return otherwise;
}

/// Whether an input has a number that no float is.
inline bool beyond_floats(const std::map<std::string, Value>& inputs) {
  return std::any_of(inputs.begin(), inputs.end(), [](const auto& input) {
    const auto numbers = input.second.numbers.flat();
    return std::any_of(numbers.begin(), numbers.end(),
                       [](double x) { return static_cast<double>(static_cast<float>(x)) != x; });
  });
}

/// Whether a truth value is known to be true: from the case's inputs, an initializer or a Constant node.
inline bool is_true(const ::onnx::GraphProto& graph, const std::map<std::string, Value>& inputs,
                    const std::string& name) {
  const auto truth = [](const Value& value) { return !value.numbers.flat().empty() && value.numbers.flat()[0] != 0.0; };
  if (const auto at = inputs.find(name); at != inputs.end()) return truth(at->second);
  for (const auto& initializer : graph.initializer()) {
    if (initializer.name() == name) return truth(value_of(initializer));
  }
  for (const auto& node : graph.node()) {
    if (node.op_type() != "Constant" || node.output_size() != 1 || node.output(0) != name) continue;
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_t()) return truth(value_of(attribute.t()));
    }
  }
  return false;
}

inline bool is_training(const ::onnx::GraphProto& graph, const std::map<std::string, Value>& inputs,
                        const ::onnx::NodeProto& node) {
  if (node.op_type() == "BatchNormalization") {
    return integer_attribute(node, "training_mode", 0) != 0 || node.output_size() > 1;
  }
  return node.op_type() == "Dropout" && node.input_size() > 2 && is_true(graph, inputs, node.input(2));
}

}  // namespace detail

/// Why no backend can be asked for this case's types; nothing when they are numbers and truth values.
inline std::optional<Exclusion> excluded_by_type(const ::onnx::GraphProto& graph) {
  for (const auto* values : {&graph.input(), &graph.output()}) {
    for (const auto& value : *values) {
      if (auto type = detail::unsupported_type(value.type())) return Exclusion{Exclusion::Kind::type, *type};
    }
  }
  return std::nullopt;
}

/// Why a case is out of scope; nothing when it has to pass.
/// \param inputs  the values of its first data set
inline std::optional<Exclusion> excluded(const ::onnx::ModelProto& model, const std::map<std::string, Value>& inputs) {
  for (const auto& opset : model.opset_import()) {
    const bool standard = opset.domain().empty() || opset.domain() == "ai.onnx";
    if (standard && opset.version() > last_opset) {
      return Exclusion{Exclusion::Kind::opset, "opset " + std::to_string(opset.version())};
    }
  }
  const auto supported = [](const ::onnx::NodeProto& node) {
    return (node.domain().empty() || node.domain() == "ai.onnx") &&
           std::find(std::begin(supported_operators), std::end(supported_operators), node.op_type()) !=
               std::end(supported_operators);
  };
  for (const auto& node : model.graph().node()) {
    if (supported(node)) continue;
    return Exclusion{Exclusion::Kind::operators,
                     node.domain().empty() ? node.op_type() : node.domain() + "." + node.op_type()};
  }
  for (const auto& node : model.graph().node()) {
    // Up to opset 8 it had the batch as an axis of its own, and lengths for each sample.
    if (node.op_type() == "Scan" && model.opset_import(0).version() < 9)
      return Exclusion{Exclusion::Kind::operators, "Scan of opset 8"};
    if (detail::integer_attribute(node, "block_size", 0) != 0) {
      return Exclusion{Exclusion::Kind::type, "scales for blocks of a tensor"};
    }
    // ONNX 1.17's means of volumes with ceil_mode count what lies beyond the padding; later ones, and planes, do not.
    if (node.op_type() == "AveragePool" && detail::integer_attribute(node, "ceil_mode", 0) != 0 &&
        detail::integer_attribute(node, "count_include_pad", 0) != 0 &&
        model.graph().input(0).type().tensor_type().shape().dim_size() == 5) {
      return Exclusion{Exclusion::Kind::type, "means of volumes that count what lies beyond the padding"};
    }
    if (node.op_type().rfind("Bitwise", 0) == 0 && detail::beyond_floats(inputs)) {
      return Exclusion{Exclusion::Kind::type, "bits of integers that floats do not hold"};
    }
    // ONNX 1.17's outputs of int8 products wrap around (−236 became 20) where the specification says saturate.
    const auto& output = model.graph().output(0).type().tensor_type();
    if (node.op_type() == "QLinearMatMul" && output.elem_type() == Proto::INT8) {
      return Exclusion{Exclusion::Kind::type, "int8 products whose data wraps around"};
    }
  }
  for (const auto& node : model.graph().node()) {
    if (detail::is_training(model.graph(), inputs, node)) {
      return Exclusion{Exclusion::Kind::training, node.op_type() + " in training mode"};
    }
  }
  return std::nullopt;
}

}  // namespace fulcrum::backend_test
