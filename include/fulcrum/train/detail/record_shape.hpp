#pragma once
/// \file
/// Pooling, concatenation, reshaping, softmax and the sources on the tape.

#include <algorithm>
#include <cstddef>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/train/detail/tape.hpp>

namespace fulcrum::detail::training {

/// Max: ∂dst goes to the position that won; average: it is spread over the window.
FULCRUM_DECLARE void record_pooling(Tape& tape, NodeId id, dnnl::algorithm algorithm, const Window& window);

FULCRUM_DECLARE void record(Tape& tape, NodeId id, const Pool& pool);

FULCRUM_DECLARE void record(Tape& tape, NodeId id, const GlobalPool& pool);

/// ∂dst is cut along the axis.
FULCRUM_DECLARE void record(Tape& tape, NodeId id, const Concat& concat);

/// The same bytes under another shape, forward and backward.
FULCRUM_DECLARE void record_reshaping(Tape& tape, NodeId id);
inline void record(Tape& tape, NodeId id, const Reshape& /*layer*/) { record_reshaping(tape, id); }
inline void record(Tape& tape, NodeId id, const Flatten& /*layer*/) { record_reshaping(tape, id); }

/// ∂src = dst · (∂dst − Σ dst·∂dst)
FULCRUM_DECLARE void record(Tape& tape, NodeId id, const Softmax& softmax);

inline void record(Tape& tape, NodeId id, const Input& /*input*/) {
  tape.set_value(id, allocate(onednn::plain_desc(tape.shape(id), DType::f32)));
}

/// A constant has no gradient: it is no weight of a layer.
FULCRUM_DECLARE void record(Tape& tape, NodeId id, const Constant<float>& constant);

}  // namespace fulcrum::detail::training

#if FULCRUM_DEFINES(train)

namespace fulcrum::detail::training {

FULCRUM_DEFINE void record_pooling(Tape& tape, NodeId id, dnnl::algorithm algorithm, const Window& window) {
  const NodeId src = tape.src(id);
  const Shape& from = tape.shape(src);
  const Shape& to = tape.shape(id);
  const auto geometry = onednn::geometry_of(window, {from[2], from[3]}, {to[2], to[3]});
  const memory src_value = tape.value(src);
  const auto forward = onednn::pooling_forward(dnnl::prop_kind::forward_training, algorithm, src_value.get_desc(),
                                               onednn::any_desc(to, DType::f32), geometry);
  const memory dst = allocate(forward.dst_desc());
  const bool has_workspace = algorithm == dnnl::algorithm::pooling_max;
  const memory workspace = has_workspace ? allocate(forward.workspace_desc()) : memory();
  Arguments arguments{{DNNL_ARG_SRC, src_value}, {DNNL_ARG_DST, dst}};
  if (has_workspace) arguments.emplace(DNNL_ARG_WORKSPACE, workspace);
  tape.forward.add(onednn::PoolingForward(forward), std::move(arguments));
  tape.set_value(id, dst);

  tape.on_backward(id, [=, &tape] {
    const auto backward = onednn::pooling_backward(algorithm, src_value.get_desc(), dst.get_desc(), geometry, forward);
    const memory diff_src = allocate(backward.diff_src_desc());
    Arguments to_src{{DNNL_ARG_DIFF_DST, tape.gradient_in(id, backward.diff_dst_desc())},
                     {DNNL_ARG_DIFF_SRC, diff_src}};
    if (has_workspace) to_src.emplace(DNNL_ARG_WORKSPACE, workspace);
    tape.backward.add(onednn::PoolingBackward(backward), std::move(to_src));
    tape.contribute(src, diff_src);
  });
}

FULCRUM_DEFINE void record(Tape& tape, NodeId id, const Pool& pool) {
  using dnnl::algorithm;
  const auto average =
      pool.count_include_pad ? algorithm::pooling_avg_include_padding : algorithm::pooling_avg_exclude_padding;
  record_pooling(tape, id, pool.pool == PoolKind::max ? algorithm::pooling_max : average, pool.window);
}

FULCRUM_DEFINE void record(Tape& tape, NodeId id, const GlobalPool& pool) {
  using dnnl::algorithm;
  const Shape& from = tape.shape(tape.src(id));
  Window window;
  window.kernel = {from[2], from[3]};
  record_pooling(tape, id, pool.pool == PoolKind::max ? algorithm::pooling_max : algorithm::pooling_avg_exclude_padding,
                 window);
}

FULCRUM_DEFINE void record(Tape& tape, NodeId id, const Concat& concat) {
  const std::vector<NodeId> src = tape.model().node(id).src;
  const Shape& shape = tape.shape(id);
  const std::size_t axis = normalized_axis(concat.axis, shape.size());
  std::vector<Desc> descs;
  for (const NodeId s : src) descs.push_back(tape.value(s).get_desc());
  const auto forward = onednn::concat_forward(onednn::any_desc(shape, DType::f32), static_cast<int>(axis), descs);
  const memory dst = allocate(forward.dst_desc());
  Arguments arguments{{DNNL_ARG_DST, dst}};
  for (std::size_t i = 0; i < src.size(); ++i) {
    arguments.emplace(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(i), tape.value(src[i]));
  }
  tape.forward.add(dnnl::concat(forward), std::move(arguments));
  tape.set_value(id, dst);

  tape.on_backward(id, [=, &tape] {
    const memory gradient = tape.plain_gradient(id);
    onednn::Dims offset(tape.shape(id).size(), 0);
    for (const NodeId s : src) {
      const onednn::Dims part(tape.shape(s).begin(), tape.shape(s).end());
      if (tape.needs_gradient(s)) {
        const memory cut(gradient.get_desc().submemory_desc(part, offset), onednn::cpu_engine(),
                         gradient.get_data_handle());
        const memory share = allocate(tape.value(s).get_desc());
        tape.backward.copy(cut, share);
        tape.contribute(s, share);
      }
      offset[axis] += part[axis];
    }
  });
}

FULCRUM_DEFINE void record_reshaping(Tape& tape, NodeId id) {
  const NodeId src = tape.src(id);
  tape.set_value(id, reshaped(tape.plain_value(src), tape.shape(id)));
  tape.on_backward(id, [=, &tape] { tape.contribute(src, reshaped(tape.plain_gradient(id), tape.shape(src))); });
}

FULCRUM_DEFINE void record(Tape& tape, NodeId id, const Softmax& softmax) {
  const NodeId src = tape.src(id);
  const auto axis = static_cast<int>(normalized_axis(softmax.axis, tape.shape(id).size()));
  const memory src_value = tape.plain_value(src);
  const Desc desc = src_value.get_desc();
  const auto forward = onednn::softmax_forward(dnnl::prop_kind::forward_training, desc, desc, axis);
  const memory dst = allocate(desc);
  tape.forward.add(onednn::SoftmaxForward(forward), {{DNNL_ARG_SRC, src_value}, {DNNL_ARG_DST, dst}});
  tape.set_value(id, dst);

  tape.on_backward(id, [=, &tape] {
    const auto backward = onednn::softmax_backward(desc, desc, desc, axis, forward);
    const memory diff_src = allocate(desc);
    tape.backward.add(
        onednn::SoftmaxBackward(backward),
        {{DNNL_ARG_DST, dst}, {DNNL_ARG_DIFF_DST, tape.plain_gradient(id)}, {DNNL_ARG_DIFF_SRC, diff_src}});
    tape.contribute(src, diff_src);
  });
}

FULCRUM_DEFINE void record(Tape& tape, NodeId id, const Constant<float>& constant) {
  const memory value = allocate(onednn::plain_desc(tape.shape(id), DType::f32));
  const auto from = constant.value.value->flat();
  std::copy(from.begin(), from.end(), static_cast<float*>(value.get_data_handle()));
  tape.set_value(id, value);
}

}  // namespace fulcrum::detail::training

#endif
