#pragma once
/// \file
/// A model as the table that people know from Keras.

#include <cstdint>
#include <ostream>
#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/plan/figures.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum {

/// Name, kind, result shape, parameters and FLOPs of every layer, with totals; how many parameters pruning set to zero
/// and how many are quantized, where any are.
/// \param batch  samples that the FLOPs are counted for, ≥ 1; shapes print the batch dimension as N
/// \throws Error when the layers do not fit one another
template <class T>
[[nodiscard]] std::string summary(const Model<T>& model, std::int64_t batch = 1);

/// The summary for a batch of one.
template <class T>
std::ostream& operator<<(std::ostream& out, const Model<T>& model) {
  return out << summary(model);
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

namespace fulcrum {

template <class T>
std::string summary(const Model<T>& model, std::int64_t batch) {
  const std::vector<Shape> shapes = infer_shapes(model, batch);
  const std::vector<Shape> others = infer_shapes(model, batch + 1);  // tells the batch dimension from the others
  const std::vector<Work> work = infer_work(model, shapes);

  Table table({{"layer"}, {"kind"}, {"result"}, {"parameters", Align::right}, {"FLOPs", Align::right}},
              "model '" + model.name() + "'" + (batch == 1 ? "" : ", batch " + std::to_string(batch)));
  std::int64_t parameters = 0;
  std::int64_t pruned = 0;
  std::int64_t quantized = 0;
  double flops = 0.0;
  for (NodeId id = 0; id < model.size(); ++id) {
    std::int64_t own = 0;
    for_each_parameter(model.node(id).layer, [&](const char*, const Parameter<T>& p) {
      own += p.size();
      if (p.quantization) quantized += p.size();
      if (p.mask.empty()) return;
      for (const std::uint8_t kept : p.mask->flat()) pruned += kept == 0 ? 1 : 0;
    });
    Shape shape = shapes[id];
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      if (shape[axis] == batch && others[id][axis] == batch + 1) shape[axis] = batch_dim;
    }
    parameters += own;
    flops += work[id].flops;
    table.add_row({model.node(id).name, kind_of(model.node(id).layer), to_string(shape),
                   own == 0 ? "" : format_count(own),
                   work[id].flops == 0.0 ? "" : format_count(static_cast<long long>(work[id].flops))});
  }
  table.add_rule();
  table.add_row({"total", "", "", format_count(parameters), format_count(static_cast<long long>(flops))});

  std::string text = table.to_string();
  const auto share = [&](std::int64_t count) {
    const double percent = 100.0 * static_cast<double>(count) / static_cast<double>(parameters);
    return format_count(count) + detail::formatted(" (%.3g %%)", percent);
  };
  text.append("parameters in f32: ").append(format_bytes(4.0 * static_cast<double>(parameters))).append("\n");
  if (pruned != 0) text.append("pruned to zero: ").append(share(pruned)).append("\n");
  if (quantized != 0) text.append("quantized to int8: ").append(share(quantized)).append("\n");
  return text;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(report)
namespace fulcrum {
template std::string summary(const Model<float>& model, std::int64_t batch);
template std::string summary(const Model<double>& model, std::int64_t batch);
}  // namespace fulcrum
#endif

#endif
