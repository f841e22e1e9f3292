#pragma once
/// \file
/// A step's shape in a few words, as profiles keep it of what was timed.

#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/schedule/step.hpp>

namespace fulcrum {

/// What runs, and on what: "Conv+Relu 1×64×56×56 → 128×28×28, 3×3, stride 2", "Dense 8 rows of 512 → 10", "Softmax 8
/// rows of 1000". Extents are those of StepGeometry; types and threads are left to whoever shows it.
FULCRUM_DECLARE [[nodiscard]] std::string words_of(const Step& step);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

#include <cmath>
#include <cstdint>
#include <initializer_list>

namespace fulcrum::detail {

FULCRUM_DECLARE std::string extents(std::initializer_list<std::int64_t> all);

FULCRUM_DEFINE std::string extents(std::initializer_list<std::int64_t> all) {
  std::string text;
  for (const std::int64_t extent : all) {
    if (!text.empty()) text += "×";
    text += std::to_string(extent);
  }
  return text;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string words_of(const Step& step) {
  using detail::extents;
  const StepGeometry& g = step.geometry;
  std::string text = step.kind + " ";
  const auto rows = [&] { return std::to_string(g.n) + (g.n == 1 ? " row of " : " rows of "); };
  switch (step.kernel) {
    case KernelClass::convolution:
    case KernelClass::grouped_convolution:
    case KernelClass::depthwise_convolution:
    case KernelClass::winograd_convolution:
    case KernelClass::sparse_convolution:
    case KernelClass::transposed_convolution:
    case KernelClass::pooling:
      text += extents({g.n, g.ic, g.ih, g.iw}) + " → " + extents({g.oc, g.oh, g.ow}) + ", " +
              (g.kd == 1 ? extents({g.kh, g.kw}) : extents({g.kd, g.kh, g.kw}));
      if (g.stride != 1) text += ", stride " + std::to_string(g.stride);
      if (g.dilation != 1) text += ", dilation " + std::to_string(g.dilation);
      if (g.groups != 1) text += ", " + std::to_string(g.groups) + " groups";
      break;
    case KernelClass::dense:
    case KernelClass::sparse_dense:
    case KernelClass::packed_dense: text += rows() + std::to_string(g.ic) + " → " + std::to_string(g.oc); break;
    case KernelClass::matmul:
      if (g.groups != 1) text += std::to_string(g.groups) + " times ";
      text += extents({g.n, g.ic}) + " by " + extents({g.ic, g.oc});
      break;
    case KernelClass::recurrent:
      text += std::to_string(g.n) + (g.n == 1 ? " sample, " : " samples, ") + std::to_string(g.ih) +
              (g.ih == 1 ? " step, " : " steps, ") + std::to_string(g.ic) + " → " + std::to_string(g.oc);
      break;
    case KernelClass::softmax:
    case KernelClass::normalization:
    case KernelClass::reduction: text += rows() + std::to_string(g.oc); break;
    case KernelClass::batch_normalization:
    case KernelClass::elementwise:
    case KernelClass::movement: text += extents({g.n, g.oc, g.oh, g.ow}); break;
  }
  if (step.density < 1.0) text += ", " + std::to_string(std::lround(100.0 * step.density)) + " % of the weights";
  return text;
}

}  // namespace fulcrum

#endif
