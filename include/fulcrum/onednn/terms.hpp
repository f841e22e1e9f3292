#pragma once
/// \file
/// Fulcrum's terms in oneDNN's, as far as all its versions share them.

#include <dnnl.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/shape.hpp>
#include <fulcrum/layers/window.hpp>
#include <fulcrum/tensor/quantization.hpp>

namespace fulcrum::detail::onednn {

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Attributes = dnnl::primitive_attr;

/// The one CPU engine. Engines hold no state that a run could change.
FULCRUM_DECLARE const dnnl::engine& cpu_engine();

FULCRUM_DECLARE [[nodiscard]] dnnl::memory::data_type data_type_of(DType dtype);

/// The dims under which oneDNN sees a value: a scalar (rank 0) becomes (1), and one of more axes than oneDNN knows
/// becomes a vector of its elements.
FULCRUM_DECLARE [[nodiscard]] Shape onednn_dims(const Shape& shape);

/// Row-major, of onednn_dims().
FULCRUM_DECLARE [[nodiscard]] Desc plain_desc(const Shape& shape, DType dtype);

/// The layout is oneDNN's choice.
[[nodiscard]] inline Desc any_desc(const Shape& shape, DType dtype) {
  return {Dims(shape.begin(), shape.end()), data_type_of(dtype), dnnl::memory::format_tag::any};
}

/// A window in oneDNN's terms, where a dilation of 0 is dense.
struct Geometry {
  Dims kernel, strides, dilations, padding_l, padding_r;
};

/// The extents of a shape (n, c, h, w) or (n, c, d, h, w) that a window moves over.
[[nodiscard]] inline Shape window_extents(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

/// The window's axes along those extents.
FULCRUM_DECLARE [[nodiscard]] std::vector<WindowAxis> window_axes(const Window& window, std::size_t extents);

/// \param src  window_extents() of the source
/// \param dst  of the result; with ceil_mode they may need more padding than the window states
FULCRUM_DECLARE [[nodiscard]] Geometry geometry_of(const Window& window, const Shape& src, const Shape& dst);

/// One oneDNN eltwise function; several in a row make an Activation that oneDNN has no single function for.
struct Eltwise {
  dnnl::algorithm algorithm;
  float alpha = 0.0F;
  float beta = 0.0F;
};

/// What happens to a product or sum, in real numbers, before it is stored.
struct Epilogue {
  std::optional<float> sum_scale;                                     ///< dst's earlier content times this is added
  dnnl::memory::data_type sum_type = dnnl::memory::data_type::undef;  ///< of that content; undef: dst's
  std::vector<Eltwise> eltwise;
  std::size_t sum_at = 0;        ///< how many of the functions run before the sum
  std::optional<AffineMap> dst;  ///< at last the result maps to integers
};

/// Functions that end in integers, for a source that is multiplied by `factor` before.
struct MappedFunctions {
  std::vector<Eltwise> functions;
  float factor = 1.0F;
};

/// The functions that run after the product, and where among them the sum stands.
struct PostOperations {
  MappedFunctions mapped;
  std::size_t sum_at = 0;  ///< how many functions run before it
};

/// f(x) / scale + zero_point. The division moves towards the front as far as the functions let it, so that it costs
/// nothing where the source's scale can take it, and at most one function is linear: kernels of the 2.x line run a
/// second function of a kind with the first one's arguments.
FULCRUM_DECLARE [[nodiscard]] MappedFunctions mapped(std::vector<Eltwise> functions, const AffineMap& dst,
                                                     bool has_scale);

/// The epilogue's functions, ending in its integers, around its sum. `has_scale`: as for mapped()
FULCRUM_DECLARE [[nodiscard]] PostOperations post_operations_of(const Epilogue& epilogue, const AffineMap& dst,
                                                                bool has_scale);

/// Whether the error says that oneDNN has no form of what was asked for.
FULCRUM_DECLARE [[nodiscard]] bool is_refusal(const dnnl::error& error);

/// Whether oneDNN picked an implementation that loops over elements one by one: Fulcrum's own is no slower.
[[nodiscard]] inline bool is_reference(const std::string& implementation) {
  return implementation.find("ref") != std::string::npos;
}

}  // namespace fulcrum::detail::onednn

#if FULCRUM_DEFINES(onednn)

namespace fulcrum::detail::onednn {

FULCRUM_DEFINE const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

FULCRUM_DEFINE dnnl::memory::data_type data_type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return dnnl::memory::data_type::f32;
    case DType::bf16: return dnnl::memory::data_type::bf16;
    case DType::s8: return dnnl::memory::data_type::s8;
    case DType::u8: return dnnl::memory::data_type::u8;
    case DType::s32: return dnnl::memory::data_type::s32;
    case DType::f64:
    case DType::s64: break;
  }
  throw Error("dtype " + std::string(name_of(dtype)), "has no oneDNN form");
}

FULCRUM_DEFINE Shape onednn_dims(const Shape& shape) {
  if (shape.empty()) return {1};
  return shape.size() > DNNL_MAX_NDIMS ? Shape{element_count(shape)} : shape;
}

FULCRUM_DEFINE Desc plain_desc(const Shape& shape, DType dtype) {
  const Dims dims = onednn_dims(shape);
  Dims strides(dims.size(), 1);
  for (std::size_t i = dims.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * (dims[i] > 0 ? dims[i] : 1);
  return {dims, data_type_of(dtype), strides};
}

FULCRUM_DEFINE std::vector<WindowAxis> window_axes(const Window& window, std::size_t extents) {
  const auto plane = plane_axes(window);
  if (extents == 2) return {plane[0], plane[1]};
  return {depth_axis(window), plane[0], plane[1]};
}

FULCRUM_DEFINE Geometry geometry_of(const Window& window, const Shape& src, const Shape& dst) {
  Geometry g;
  const std::vector<WindowAxis> axes = window_axes(window, src.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const WindowAxis& axis = axes[i];
    const std::int64_t span = axis.dilation * (axis.kernel - 1) + 1;
    g.kernel.push_back(axis.kernel);
    g.strides.push_back(axis.stride);
    g.dilations.push_back(axis.dilation - 1);
    g.padding_l.push_back(axis.before);
    g.padding_r.push_back(axis.ceil_mode ? (dst[i] - 1) * axis.stride + span - src[i] - axis.before : axis.after);
  }
  return g;
}

FULCRUM_DEFINE MappedFunctions mapped(std::vector<Eltwise> functions, const AffineMap& dst, bool has_scale) {
  using dnnl::algorithm;
  const float factor = 1.0F / dst.scale;
  const auto shift = static_cast<float>(dst.zero_point);
  if (factor == 1.0F && shift == 0.0F) return {std::move(functions), 1.0F};
  std::size_t at = functions.size();
  for (; at > 0; --at) {
    Eltwise& f = functions[at - 1];
    if (f.algorithm == algorithm::eltwise_linear) {
      f.alpha *= factor;
      f.beta = f.beta * factor + shift;
      return {std::move(functions), 1.0F};
    }
    if (f.algorithm == algorithm::eltwise_clip) {
      f.alpha = f.alpha * factor + shift;
      f.beta = f.beta * factor + shift;
    } else if (f.algorithm != algorithm::eltwise_relu || shift != 0.0F) {
      break;
    }
  }
  if (at == 0 && shift == 0.0F && has_scale) return {std::move(functions), factor};
  functions.insert(functions.begin() + static_cast<std::ptrdiff_t>(at), {algorithm::eltwise_linear, factor, shift});
  return {std::move(functions), 1.0F};
}

FULCRUM_DEFINE PostOperations post_operations_of(const Epilogue& epilogue, const AffineMap& dst, bool has_scale) {
  const auto sum = epilogue.eltwise.begin() + static_cast<std::ptrdiff_t>(epilogue.sum_at);
  MappedFunctions after = mapped({sum, epilogue.eltwise.end()}, dst, has_scale && epilogue.sum_at == 0);
  after.functions.insert(after.functions.begin(), epilogue.eltwise.begin(), sum);
  return {std::move(after), epilogue.sum_at};
}

FULCRUM_DEFINE bool is_refusal(const dnnl::error& error) {
  return error.status == dnnl_unimplemented || error.status == dnnl_invalid_arguments ||
         error.status == dnnl_runtime_error;
}

}  // namespace fulcrum::detail::onednn

#endif
