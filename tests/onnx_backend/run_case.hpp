#pragma once
/// \file
/// One model on both executors, held against the outputs that ONNX gives for it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <onnx/onnx_pb.h>

#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/cast.hpp>
#include <fulcrum/onnx/import.hpp>

#include "tensor_proto.hpp"

namespace fulcrum::backend_test {

// What ONNX's own runner allows: |a − b| ≤ absolute + relative · |b|. Of bfloat16 it is one unit in the last place: the
// suite of ONNX 1.12 cuts numbers off where the standard rounds them.
inline constexpr double relative_tolerance = 1e-3;
inline constexpr double relative_tolerance_bf16 = 0x1p-7;
inline constexpr double absolute_tolerance = 1e-7;

/// \throws Error when the file is missing or no message of this kind
template <class Message>
[[nodiscard]] Message read_message(const std::string& path) {
  Message message;
  if (!message.ParseFromString(read_file(path))) throw Error(path, "is damaged");
  return message;
}

/// A graph's inputs that are given at every run: initializers may be listed among the inputs as well.
inline std::vector<const ::onnx::ValueInfoProto*> given_inputs(const ::onnx::GraphProto& graph) {
  std::vector<const ::onnx::ValueInfoProto*> inputs;
  for (const auto& input : graph.input()) {
    const bool is_given = std::none_of(graph.initializer().begin(), graph.initializer().end(),
                                       [&](const Proto& i) { return i.name() == input.name(); });
    if (is_given) inputs.push_back(&input);
  }
  return inputs;
}

/// Whether the numbers are all ones that float32 holds.
inline bool fits_float(const Value& value) {
  return std::all_of(value.numbers.flat().begin(), value.numbers.flat().end(), [](double x) {
    return !std::isfinite(x) || std::abs(x) <= static_cast<double>(std::numeric_limits<float>::max());
  });
}

/// \throws Error saying where two tensors differ first, and by how much
template <class T>
void expect_close(const std::string& where, const Tensor<T>& ours, const Value& theirs) {
  if (ours.dims() != theirs.numbers.dims()) {
    throw Error(where, "is of shape " + to_string(ours.dims()) + " instead of " + to_string(theirs.numbers.dims()));
  }
  const double relative = theirs.element == ElementType::bf16 ? relative_tolerance_bf16 : relative_tolerance;
  const auto equal = [&](T a, double b) {
    if (std::isnan(b)) return std::isnan(a);
    if (!is_floating(theirs.element) || std::isinf(b)) return a == static_cast<T>(b);
    return std::abs(static_cast<double>(a) - b) <= absolute_tolerance + relative * std::abs(b);
  };
  std::size_t differences = 0;
  std::size_t first = 0;
  for (std::size_t i = ours.flat().size(); i-- > 0;) {
    if (equal(ours.flat()[i], theirs.numbers.flat()[i])) continue;
    ++differences;
    first = i;
  }
  if (differences == 0) return;
  std::ostringstream text;
  text << "differs in " << differences << " of " << ours.flat().size() << " elements: element " << first << " is "
       << ours.flat()[first] << " instead of " << theirs.numbers.flat()[first];
  throw Error(where, text.str());
}

/// As many samples as the sources hold where the model says batch_dim; 1 when it says it nowhere.
inline std::int64_t batch_of(const Model<float>& model, const std::vector<Tensor<float>>& src) {
  const std::vector<NodeId> inputs = model.inputs();
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Shape& shape = std::get<Input>(model.node(inputs[i]).layer).shape;
    const auto at = std::find(shape.begin(), shape.end(), batch_dim);
    if (at != shape.end()) return src.at(i).dim(at - shape.begin());
  }
  return 1;
}

/// Of boxes that a detector keeps there are as many rows as there can be, those behind the last −1.
inline std::vector<Value> with_unused_rows(const Model<float>& model, std::int64_t batch, std::vector<Value> expected) {
  const std::vector<Shape> shapes = infer_shapes(model, batch);
  for (std::size_t i = 0; i < std::min(expected.size(), model.outputs().size()); ++i) {
    const NodeId id = model.outputs()[i];
    if (!std::holds_alternative<NonMaxSuppression>(model.node(id).layer)) continue;
    const Tensor<double>& kept = expected[i].numbers;
    Tensor<double> rows(shapes[id], -1.0);
    if (kept.flat().size() > rows.flat().size()) throw Error("output", "has more rows than there can be");
    std::copy(kept.flat().begin(), kept.flat().end(), rows.flat().begin());
    expected[i].numbers = std::move(rows);
  }
  return expected;
}

enum class Executors { onednn, both };

/// Runs the model and compares every output: element type, shape, numbers. A case in float64 with numbers past float32
/// (some of ONNX's data is uninitialized memory) runs on the reference in double alone: oneDNN has no float64.
/// \param inputs  by the name of the model's input
/// \throws Error in one sentence: what went wrong first
inline void check_outputs(const Model<float>& model, const std::map<std::string, Value>& inputs,
                          const std::vector<Value>& given, Executors executors = Executors::both) {
  std::vector<Tensor<float>> src;
  std::vector<Tensor<double>> exact;
  std::vector<Value> expected = given;
  bool in_float = std::all_of(expected.begin(), expected.end(), fits_float);
  for (const NodeId id : model.inputs()) {
    const auto at = inputs.find(model.node(id).name);
    if (at == inputs.end()) throw Error("input '" + model.node(id).name + "'", "is none of the graph's");
    src.push_back(cast<float>(at->second.numbers));
    exact.push_back(at->second.numbers);
    in_float = in_float && fits_float(at->second);
  }
  if (model.outputs().size() != expected.size()) {
    throw Error("the model", "has " + std::to_string(model.outputs().size()) + " outputs instead of " +
                                 std::to_string(expected.size()));
  }
  expected = with_unused_rows(model, batch_of(model, src), std::move(expected));
  const std::vector<ElementType> elements = infer_elements(model);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const ElementType element = elements[model.outputs()[i]];
    if (element == expected[i].element) continue;
    std::string what = "is ";
    what.append(name_of(element)).append(" instead of ").append(name_of(expected[i].element));
    throw Error("output " + std::to_string(i), what);
  }

  const auto compare = [&](const std::string& executor, const auto& dst) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expect_close(executor + ": output " + std::to_string(i), dst.at(i), expected[i]);
    }
  };
  const auto labelled = [](const std::string& executor, auto&& run) {
    try {
      return run();
    } catch (const std::exception& error) {
      throw Error(executor, error.what());
    }
  };
  const bool quantized = is_quantized(model);
  if (!in_float) {
    const auto run = [&] {
      return ReferenceExecutor<double>(cast<double>(model), {.quantized = quantized}).run(exact);
    };
    return compare("reference in double", labelled("reference in double", run));
  }
  if (executors == Executors::both) {
    compare("reference",
            labelled("reference", [&] { return ReferenceExecutor<float>(model, {.quantized = quantized}).run(src); }));
  }
  RunConfig options;
  options.batch = batch_of(model, src);
  options.precision = quantized ? Precision::int8 : Precision::f32;
  options.missing_precision = MissingPrecision::f32;
  compare("oneDNN", labelled("oneDNN", [&] { return OnednnExecutor(model, options).run(src); }));
}

}  // namespace fulcrum::backend_test
