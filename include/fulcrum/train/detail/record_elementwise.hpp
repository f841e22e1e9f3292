#pragma once
/// \file
/// Activations, batch normalization and broadcast sums and products on the tape.

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/train/detail/tape.hpp>

namespace fulcrum::detail::training {

/// ∂src = f′(src) · ∂dst
FULCRUM_DECLARE void record(Tape& tape, NodeId id, const Activation& activation);

/// Normalizes with the batch's own mean and (population) variance, and moves the layer's running averages towards
/// them: running ← 0.9 · running + 0.1 · batch, as ONNX BatchNormalization in training mode.
FULCRUM_DECLARE void record(Tape& tape, NodeId id, const BatchNormalization<float>& layer);

/// The shape with leading extents of 1 up to `rank`.
FULCRUM_DECLARE [[nodiscard]] Shape padded_to(std::size_t rank, const Shape& shape);

/// dst = a ∘ b with the operands' layouts as they are; b may have extents of 1.
FULCRUM_DECLARE [[nodiscard]] memory combine(Program& program, dnnl::algorithm function, const memory& a,
                                             const memory& b);

/// A source of a Binary under the shape of the result: the value itself, or repeated along the axes it lacks.
FULCRUM_DECLARE [[nodiscard]] memory broadcast_value(Tape& tape, NodeId src, const Shape& shape);

/// A gradient of the result's shape, summed over the axes along which the source was repeated.
FULCRUM_DECLARE void contribute_summed(Tape& tape, NodeId src, const memory& gradient, const Shape& shape);

/// ∂a = ∂dst and ∂b = ∂dst for a sum, ∂a = b·∂dst and ∂b = a·∂dst for a product, summed over broadcast axes.
/// Equal shapes keep the layout of the first source; broadcasting goes through plain ones.
FULCRUM_DECLARE void record(Tape& tape, NodeId id, const Binary& binary);

}  // namespace fulcrum::detail::training

#if FULCRUM_DEFINES(train)

namespace fulcrum::detail::training {

FULCRUM_DEFINE void record(Tape& tape, NodeId id, const Activation& activation) {
  const NodeId src = tape.src(id);
  struct Stage {
    dnnl::eltwise_forward::primitive_desc forward;
    onednn::Eltwise function;
    memory src;
  };
  std::vector<Stage> stages;
  memory x = tape.value(src);
  const Desc desc = x.get_desc();
  for (const onednn::Eltwise& f : onednn::eltwise_of(activation)) {
    stages.push_back(
        {onednn::eltwise_forward(dnnl::prop_kind::forward_training, f.algorithm, desc, desc, f.alpha, f.beta), f, x});
    const memory y = allocate(desc);
    tape.forward.add(dnnl::eltwise_forward(stages.back().forward), {{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}});
    x = y;
  }
  tape.set_value(id, x);

  tape.on_backward(id, [=, &tape] {
    memory gradient = tape.gradient_in(id, desc);
    for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
      const auto backward = onednn::eltwise_backward(stage->function.algorithm, desc, desc, desc, stage->function.alpha,
                                                     stage->function.beta, stage->forward);
      const memory diff_src = allocate(desc);
      tape.backward.add(dnnl::eltwise_backward(backward),
                        {{DNNL_ARG_SRC, stage->src}, {DNNL_ARG_DIFF_DST, gradient}, {DNNL_ARG_DIFF_SRC, diff_src}});
      gradient = diff_src;
    }
    tape.contribute(src, gradient);
  });
}

FULCRUM_DEFINE void record(Tape& tape, NodeId id, const BatchNormalization<float>& layer) {
  const NodeId src = tape.src(id);
  const Shape& shape = tape.shape(src);
  const bool has_planes = shape.size() == 4;
  const Shape planes{shape[0], shape[1], element_count(Shape(shape.begin() + 2, shape.end())), 1};
  const memory src_value = has_planes ? tape.value(src) : reshaped(tape.plain_value(src), planes);
  const Desc desc = src_value.get_desc();
  const Tape::ParameterMemory scale = tape.train(id, "scale", layer.scale, {shape[1]});
  const Tape::ParameterMemory shift = tape.train(id, "shift", layer.shift, {shape[1]});

  const auto flags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;
  const auto epsilon = static_cast<float>(layer.epsilon);
  const auto forward =
      onednn::batch_normalization_forward(dnnl::prop_kind::forward_training, desc, desc, epsilon, flags);
  const memory mean = allocate(forward.mean_desc());
  const memory variance = allocate(forward.variance_desc());
  const memory dst = allocate(desc);
  tape.forward.add(dnnl::batch_normalization_forward(forward), {{DNNL_ARG_SRC, src_value},
                                                                {DNNL_ARG_SCALE, scale.value},
                                                                {DNNL_ARG_SHIFT, shift.value},
                                                                {DNNL_ARG_MEAN, mean},
                                                                {DNNL_ARG_VARIANCE, variance},
                                                                {DNNL_ARG_DST, dst}});
  tape.forward.add([=, &tape] {
    auto& running = std::get<BatchNormalization<float>>(tape.model().edit_layer(id));
    const auto follow = [](Parameter<float>& average, const memory& batch) {
      const auto* from = static_cast<const float*>(batch.get_data_handle());
      for (float& x : average.value.edit().flat()) x = 0.9F * x + 0.1F * *from++;
    };
    follow(running.mean, mean);
    follow(running.variance, variance);
  });
  tape.set_value(id, has_planes ? dst : reshaped(dst, shape));

  tape.on_backward(id, [=, &tape] {
    const memory diff_dst = has_planes ? tape.gradient_in(id, desc) : reshaped(tape.plain_gradient(id), planes);
    const auto backward =
        onednn::batch_normalization_backward(dnnl::prop_kind::backward, desc, desc, desc, epsilon, flags, forward);
    const memory diff_src = allocate(desc);
    Arguments to_src{{DNNL_ARG_SRC, src_value},
                     {DNNL_ARG_SCALE, scale.value},
                     {DNNL_ARG_MEAN, mean},
                     {DNNL_ARG_VARIANCE, variance},
                     {DNNL_ARG_DIFF_DST, diff_dst},
                     {DNNL_ARG_DIFF_SRC, diff_src},
                     {DNNL_ARG_DIFF_SCALE, scale.gradient},
                     {DNNL_ARG_DIFF_SHIFT, shift.gradient}};
    if (onednn::batch_normalization_backward_takes_shift) to_src.emplace(DNNL_ARG_SHIFT, shift.value);
    tape.backward.add(dnnl::batch_normalization_backward(backward), std::move(to_src));
    tape.contribute(src, has_planes ? diff_src : reshaped(diff_src, shape));
  });
}

FULCRUM_DEFINE Shape padded_to(std::size_t rank, const Shape& shape) {
  Shape padded(rank - shape.size(), 1);
  padded.insert(padded.end(), shape.begin(), shape.end());
  return padded;
}

FULCRUM_DEFINE memory combine(Program& program, dnnl::algorithm function, const memory& a, const memory& b) {
  const Desc desc = a.get_desc();
  const memory dst = allocate(desc);
  program.add(dnnl::binary(onednn::binary_forward(function, desc, b.get_desc(), desc)),
              {{DNNL_ARG_SRC_0, a}, {DNNL_ARG_SRC_1, b}, {DNNL_ARG_DST, dst}});
  return dst;
}

FULCRUM_DEFINE memory broadcast_value(Tape& tape, NodeId src, const Shape& shape) {
  if (tape.shape(src) == shape) return tape.plain_value(src);
  const memory ones = allocate(onednn::plain_desc(shape, DType::f32));
  auto* one = static_cast<float*>(ones.get_data_handle());
  std::fill(one, one + element_count(shape), 1.0F);
  const memory value = reshaped(tape.plain_value(src), padded_to(shape.size(), tape.shape(src)));
  return combine(tape.forward, dnnl::algorithm::binary_mul, ones, value);
}

FULCRUM_DEFINE void contribute_summed(Tape& tape, NodeId src, const memory& gradient, const Shape& shape) {
  if (tape.shape(src) == shape) {
    tape.contribute(src, gradient);
    return;
  }
  const memory sum = allocate(onednn::plain_desc(padded_to(shape.size(), tape.shape(src)), DType::f32));
  if (sum.get_desc() == gradient.get_desc()) {
    tape.contribute(src, reshaped(gradient, tape.shape(src)));
    return;
  }
  tape.backward.add(
      dnnl::reduction(onednn::reduction_forward(dnnl::algorithm::reduction_sum, gradient.get_desc(), sum.get_desc())),
      {{DNNL_ARG_SRC, gradient}, {DNNL_ARG_DST, sum}});
  tape.contribute(src, reshaped(sum, tape.shape(src)));
}

FULCRUM_DEFINE void record(Tape& tape, NodeId id, const Binary& binary) {
  const NodeId a = tape.src(id, 0);
  const NodeId b = tape.src(id, 1);
  const Shape shape = tape.shape(id);
  const bool is_sum = binary.function == BinaryKind::add;
  const auto function = is_sum ? dnnl::algorithm::binary_add : dnnl::algorithm::binary_mul;
  const bool is_equal = tape.shape(a) == shape && tape.shape(b) == shape;
  const memory a_value = is_equal ? tape.value(a) : broadcast_value(tape, a, shape);
  const Desc desc = a_value.get_desc();
  const memory b_value = is_equal ? tape.forward.in_layout(tape.value(b), desc) : broadcast_value(tape, b, shape);
  tape.set_value(id, combine(tape.forward, function, a_value, b_value));

  tape.on_backward(id, [=, &tape] {
    const memory gradient = tape.gradient_in(id, desc);
    const auto contribute = [&](NodeId src, const memory& other) {
      if (!tape.needs_gradient(src)) return;
      const memory share = is_sum ? gradient : combine(tape.backward, dnnl::algorithm::binary_mul, gradient, other);
      contribute_summed(tape, src, share, shape);
    };
    contribute(a, b_value);
    contribute(b, a_value);
  });
}

}  // namespace fulcrum::detail::training

#endif
