#pragma once
/// \file
/// A model under training: values forward, gradients backward, with oneDNN.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/train/loss.hpp>
#include <fulcrum/train/trainable_parameter.hpp>
#include <fulcrum/train/value_rounding.hpp>

namespace fulcrum {

namespace detail::training {
struct Recording;
}

/// A model of one input, prepared for one batch size: forward() gives its last output, backward() the gradients of its
/// parameters. A softmax over the last axis that computes the output is left out where the loss has it (see LossInput).
/// Batch normalization uses and remembers the statistics of the batch.
///
/// Layers that the output does not depend on are not run and keep their weights.
/// oneDNN takes its threads from OpenMP: create and use a network under the same number of threads.
class TrainingNetwork {
public:
  /// \param batch  samples per step, ≥ 1
  /// \param input  what the loss takes: whether a softmax at the end is run
  /// \param rounded  values that are rounded by learned steps: rounded_values(); parameters() then has ln(step) of each
  /// \throws Error when the model is quantized, has not exactly one input, or has no weights that reach its output
  FULCRUM_DECLARE TrainingNetwork(const Model<float>& model, std::int64_t batch, LossInput input = LossInput::logits,
                                  std::span<const RoundedValue> rounded = {});

  FULCRUM_LINKAGE ~TrainingNetwork();
  FULCRUM_LINKAGE TrainingNetwork(TrainingNetwork&&) noexcept;
  FULCRUM_LINKAGE TrainingNetwork& operator=(TrainingNetwork&&) noexcept;

  /// \param src  of the input's shape at this batch size
  /// \return the output, until the next call
  /// \throws Error when the shape is another
  FULCRUM_DECLARE const Tensor<float>& forward(const Tensor<float>& src);

  /// Fills the gradients of all parameters for the last forward().
  /// \param gradient  ∂loss/∂output
  /// \throws Error when its shape is not that of the output
  FULCRUM_DECLARE void backward(const Tensor<float>& gradient);

  /// Weights, biases, scales and shifts that reach the output. Their values may be written between steps.
  FULCRUM_DECLARE [[nodiscard]] std::span<TrainableParameter> parameters() noexcept;

  /// The ranges of the values that are rounded, by the names that quantize() knows them by; after a forward().
  FULCRUM_DECLARE [[nodiscard]] ValueRanges ranges() const;

  /// The model with its weights and running statistics as they are now.
  FULCRUM_DECLARE [[nodiscard]] Model<float> model() const;

  FULCRUM_DECLARE [[nodiscard]] const Shape& src_shape() const;
  [[nodiscard]] Shape dst_shape() const { return dst_.dims(); }

private:
  FULCRUM_DECLARE void record(NodeId id);

  std::unique_ptr<detail::training::Recording> recording_;  // at a fixed address: the recorded steps refer to it
  NodeId input_ = 0;
  NodeId dst_id_ = 0;
  Tensor<float> dst_;
  Tensor<float> gradient_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/train/detail/record_elementwise.hpp>
#include <fulcrum/train/detail/record_linear.hpp>
#include <fulcrum/train/detail/record_rounding.hpp>
#include <fulcrum/train/detail/record_shape.hpp>
#include <fulcrum/train/detail/relu_order.hpp>
#include <fulcrum/train/detail/trainable.hpp>

namespace fulcrum::detail::training {

/// The tape of a network, and what runs it.
struct Recording {
  SwappedLayers swapped;
  Tape tape;
  std::vector<RoundedValue> rounded;
  dnnl::stream stream{onednn::cpu_engine()};
};

FULCRUM_DECLARE void check_trainable(const Model<float>& model) {
  const std::string where = "model '" + model.name() + "'";
  if (model.inputs().size() != 1 || model.outputs().empty()) {
    throw Error(where,
                "has " + std::to_string(model.inputs().size()) + " input(s) and " +
                    std::to_string(model.outputs().size()) + " output(s)",
                "training takes one input and at least one output");
  }
  if (is_quantized(model)) throw Error(where, "is quantized", "train the float model and quantize it afterwards");
}

FULCRUM_DECLARE NodeId logits_of(const Model<float>& model) {
  const NodeId output = model.outputs().back();
  const auto* softmax = std::get_if<Softmax>(&model.node(output).layer);
  if (softmax == nullptr) return output;
  const NodeId src = model.node(output).src.front();
  const std::size_t rank = infer_shapes(model, 1)[src].size();
  return normalized_axis(softmax->axis, rank) + 1 == rank ? src : output;
}

FULCRUM_DECLARE void expect(const Tensor<float>& given, const Shape& shape, const char* where) {
  if (given.dims() != shape) {
    throw Error(where, "was given " + to_string(given.dims()) + " but takes " + to_string(shape));
  }
}

}  // namespace fulcrum::detail::training

namespace fulcrum {

FULCRUM_DEFINE TrainingNetwork::TrainingNetwork(const Model<float>& model, std::int64_t batch, LossInput input,
                                                std::span<const RoundedValue> rounded) {
  using namespace detail::training;
  check_trainable(model);
  Model<float> reordered = model;
  SwappedLayers swapped = swap_relu_and_max_pooling(reordered);
  recording_.reset(new Recording{std::move(swapped), {std::move(reordered), batch}, {}});
  for (RoundedValue value : rounded) {
    for (const auto& [relu, pool] : recording_->swapped) {
      if (value.node == relu) value.node = pool;  // max(round(relu(x))) = round(relu(max(x))), and so are the gradients
    }
    recording_->rounded.push_back(std::move(value));
  }
  Tape& tape = recording_->tape;
  input_ = model.inputs().front();
  dst_id_ = input == LossInput::logits ? logits_of(model) : model.outputs().back();
  std::vector<bool> used(model.size(), false);
  used[dst_id_] = true;
  for (NodeId id = dst_id_ + 1; id-- > 0;) {
    for (const NodeId src : model.node(id).src) used[src] = used[src] || used[id];
  }
  if (!used[input_]) throw Error("model '" + model.name() + "'", "has an output that does not depend on its input");
  for (NodeId id = 0; id <= dst_id_; ++id) {
    if (!used[id]) continue;
    record(id);
    for (const RoundedValue& value : recording_->rounded) {
      if (value.node == id) record_rounding(tape, value);
    }
  }

  dst_ = Tensor<float>(tape.shape(dst_id_));
  gradient_ = Tensor<float>(tape.shape(dst_id_));
  if (!tape.needs_gradient(dst_id_)) {
    throw Error("model '" + model.name() + "'", "has no weights that reach its output", "there is nothing to train");
  }
  const auto plain = detail::onednn::plain_desc(dst_.dims(), DType::f32);
  const auto& engine = detail::onednn::cpu_engine();
  tape.forward.copy(tape.value(dst_id_), {plain, engine, dst_.flat().data()});
  tape.contribute(dst_id_, {plain, engine, gradient_.flat().data()});
  tape.add_backward_steps();
}

FULCRUM_LINKAGE TrainingNetwork::~TrainingNetwork() = default;
FULCRUM_LINKAGE TrainingNetwork::TrainingNetwork(TrainingNetwork&&) noexcept = default;
FULCRUM_LINKAGE TrainingNetwork& TrainingNetwork::operator=(TrainingNetwork&&) noexcept = default;

FULCRUM_DEFINE std::span<TrainableParameter> TrainingNetwork::parameters() noexcept {
  return recording_->tape.parameters;
}

FULCRUM_DEFINE const Shape& TrainingNetwork::src_shape() const { return recording_->tape.shape(input_); }

FULCRUM_DEFINE const Tensor<float>& TrainingNetwork::forward(const Tensor<float>& src) {
  detail::training::Tape& tape = recording_->tape;
  detail::training::expect(src, tape.shape(input_), "forward");
  std::copy(src.flat().begin(), src.flat().end(), static_cast<float*>(tape.value(input_).get_data_handle()));
  tape.forward.run(recording_->stream);
  return dst_;
}

FULCRUM_DEFINE void TrainingNetwork::backward(const Tensor<float>& gradient) {
  detail::training::expect(gradient, dst_.dims(), "backward");
  std::copy(gradient.flat().begin(), gradient.flat().end(), gradient_.flat().begin());
  recording_->tape.backward.run(recording_->stream);
}

FULCRUM_DEFINE ValueRanges TrainingNetwork::ranges() const {
  ValueRanges ranges;
  for (const RoundedValue& value : recording_->rounded) {
    for (const TrainableParameter& p : recording_->tape.parameters) {
      if (p.node == value.node && p.name == detail::training::log_step_name)
        ranges[value.root] = range_of(value, std::exp(p.value.flat()[0]));
    }
  }
  return ranges;
}

FULCRUM_DEFINE Model<float> TrainingNetwork::model() const {
  detail::training::Tape& tape = recording_->tape;
  Model<float> result = tape.model();
  for (const auto& [a, b] : recording_->swapped) std::swap(result.edit_layer(a), result.edit_layer(b));
  for (const TrainableParameter& trained : tape.parameters) {
    for_each_parameter(result.edit_layer(trained.node), [&](const char* name, Parameter<float>& parameter) {
      if (name == trained.name) parameter.value = trained.value;
    });
  }
  return result;
}

FULCRUM_DEFINE void TrainingNetwork::record(NodeId id) {
  detail::training::Tape& tape = recording_->tape;
  const Node<float>& node = tape.model().node(id);
  if (!detail::training::is_trainable(node.layer, tape.shape(id))) {
    throw Error("layer '" + node.name + "'", "is of a kind that cannot be trained (" + kind_of(node.layer) + ")",
                "train the model elsewhere and import its weights");
  }
  try {
    visit_layer(
        [&]<class L>(const L& layer) {
          if constexpr (!detail::training::ForwardOnly<L>) detail::training::record(recording_->tape, id, layer);
        },
        node.layer);
  } catch (const dnnl::error& error) {
    throw Error("layer '" + node.name + "'", "cannot be trained with oneDNN: " + std::string(error.what()));
  }
}

}  // namespace fulcrum

#endif
