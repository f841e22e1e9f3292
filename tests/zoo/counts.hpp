#pragma once
// What papers and torchvision count of a network: learned parameters, and the multiply-adds of its matrix products.
#include <cstdint>
#include <string_view>
#include <variant>

#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum::test {

/// Running statistics of batch normalizations, which are computed and not learned.
inline std::int64_t statistic_count(const Model<float>& model) {
  std::int64_t count = 0;
  for_each_model_parameter(model, [&](NodeId, std::string_view name, const Parameter<float>& parameter) {
    if (name == "mean" || name == "variance") count += parameter.size();
  });
  return count;
}

inline std::int64_t learned_count(const Model<float>& model) { return parameter_count(model) - statistic_count(model); }

/// Multiply-adds of convolutions, transposed ones, dense layers, matrix products and recurrent cells for one sample,
/// without their biases.
inline double multiply_adds(const Model<float>& model) {
  const std::vector<Shape> shapes = infer_shapes(model, 1);
  const std::vector<Work> work = infer_work(model, shapes);
  double total = 0.0;
  for (NodeId id = 0; id < model.size(); ++id) {
    const Layer<float>& layer = model.node(id).layer;
    const auto outputs = static_cast<double>(element_count(shapes[id]));
    const auto* conv = std::get_if<Conv<float>>(&layer);
    const auto* dense = std::get_if<Dense<float>>(&layer);
    if (conv != nullptr) total += (work[id].flops - (conv->bias.empty() ? 0.0 : outputs)) / 2.0;
    if (const auto* transposed = std::get_if<ConvTranspose<float>>(&layer)) {
      total += (work[id].flops - (transposed->bias.empty() ? 0.0 : outputs)) / 2.0;
    }
    if (dense != nullptr) total += (work[id].flops - (dense->bias.empty() ? 0.0 : outputs)) / 2.0;
    if (std::holds_alternative<MatMul>(layer)) total += work[id].flops / 2.0;
    if (const auto* recurrent = std::get_if<Recurrent<float>>(&layer)) {
      const Shape& src = shapes[model.node(id).src[0]];
      total += static_cast<double>(src[0] * src[1] * (recurrent->weights.size() + recurrent->recurrent_weights.size()));
    }
  }
  return total;
}

/// Shape of the first output for a batch.
inline Shape output_shape(const Model<float>& model, std::int64_t batch) {
  return infer_shapes(model, batch)[model.outputs().front()];
}

}  // namespace fulcrum::test
