#pragma once
/// \file
/// A step as a point in the space in which efficiency is interpolated.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/roofline.hpp>
#include <fulcrum/schedule/step.hpp>
#include <fulcrum/schedule/winograd.hpp>

namespace fulcrum {

/// Whose loops of Fulcrum's own run a step, where each layer has loops of its own ("Gather", "Pow"); otherwise empty.
FULCRUM_DECLARE [[nodiscard]] std::string_view loops_of(const Step& step);

/// The numbers on which the efficiency of a step depends: extents on a logarithmic scale, how well they fill the blocks
/// that kernels work in (16 floats a vector; 64 columns, 16 rows and 64 bytes of depth a tile), what is fused in, how
/// the roofline's parts compare, and how much the inference touches (code and data that were evicted since the last
/// one), by the share of the roofline that is not arithmetic. Each is scaled so that 1 is the distance over which it
/// matters; the scales were found by maximizing the marginal likelihood of such samples.
FULCRUM_DECLARE [[nodiscard]] std::vector<double> efficiency_features(const Step& step, const RooflinePoint& roofline);

namespace detail {

/// Share of the work that is not padding when `extent` is rounded up to blocks.
FULCRUM_DECLARE double utilization(std::int64_t extent, std::int64_t block) noexcept;

/// efficiency_features() without those that all classes share.
FULCRUM_DECLARE std::vector<double> features_of_class(const Step& step, const RooflinePoint& roofline);

inline double log2_of(std::int64_t value) noexcept {
  return std::log2(static_cast<double>(std::max<std::int64_t>(value, 1)));
}

}  // namespace detail

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

namespace fulcrum::detail {

FULCRUM_DEFINE double utilization(std::int64_t extent, std::int64_t block) noexcept {
  const std::int64_t blocks = (extent + block - 1) / block;
  return static_cast<double>(extent) / static_cast<double>(blocks * block);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string_view loops_of(const Step& step) {
  const bool own = step.algorithm == Algorithm::loops ||
                   (step.algorithm == Algorithm::threaded_loops &&
                    (step.kernel == KernelClass::elementwise || step.kernel == KernelClass::movement));
  return own ? step.primary_kind() : std::string_view();
}

FULCRUM_DEFINE std::vector<double> efficiency_features(const Step& step, const RooflinePoint& roofline) {
  std::vector<double> features = detail::features_of_class(step, roofline);
  // Whether others of the team made what it takes, and wait for it.
  features.push_back(step.team > step.threads ? 0.3 : 0.0);
  return features;
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DEFINE std::vector<double> features_of_class(const Step& step, const RooflinePoint& roofline) {
  const StepGeometry& g = step.geometry;
  const std::int64_t ic = g.ic / std::max<std::int64_t>(g.groups, 1);
  const std::int64_t oc = g.oc / std::max<std::int64_t>(g.groups, 1);
  const auto element = static_cast<std::int64_t>(size_of(step.src));
  const double work_us = std::max(roofline.compute_us, roofline.memory_us);
  const double size = std::log2((work_us + roofline.overhead_us) / std::max(roofline.overhead_us, 1e-3));
  const double balance = std::clamp(std::log2((roofline.memory_us + 1e-6) / (roofline.compute_us + 1e-6)), -8.0, 8.0);
  // What the rest of the inference pushes out of the caches delays what memory bounds, and the code of short steps.
  constexpr double code = 10.0;  // overheads
  const double fetched_us = roofline.memory_us + code * roofline.overhead_us;
  const double reuse = fetched_us / (fetched_us + roofline.compute_us) *
                       std::clamp(std::log2((step.reuse_bytes + 1.0) / 65536.0), 0.0, 14.0);
  const double aligned = (ic * element) % 4 == 0 ? 1.0 : 0.0;
  const double extra = static_cast<double>(g.extra_src);
  // How much of the time activations take, and of which sort they are.
  const double functions = std::log2(1.0 + 4.0 * roofline.function_us / (work_us + roofline.overhead_us + 1e-6)) +
                           0.5 * (step.functions > 0 ? 1.0 : 0.0);
  const double wide_dst = size_of(step.dst) == 4 ? 1.0 : 0.0;
  const double is_signed = step.src == DType::s8 ? 1.0 : 0.0;
  const double read = std::log2((step.src_bytes + 1.0) / (step.dst_bytes + 1.0));
  const double run = log2_of(g.run);
  if (!loops_of(step).empty()) {
    const double per_result = step.flops * static_cast<double>(size_of(step.dst)) / (step.dst_bytes + 1.0);
    return {0.10 * std::log2(step.dst_bytes + 1.0),
            0.10 * read,
            0.12 * run,
            0.10 * log2_of(g.n),
            0.10 * log2_of(g.oc),
            0.15 * std::log2(per_result + 1.0),
            0.08 * size,
            0.06 * reuse,
            0.20 * functions,
            size_of(step.dst) == size_of(step.src) ? 0.0 : 0.3};
  }
  switch (step.kernel) {
    case KernelClass::convolution:
    case KernelClass::grouped_convolution:
    case KernelClass::transposed_convolution: {
      const double pointwise = g.kd * g.kh * g.kw == 1 ? 1.0 : 0.0;
      const std::int64_t rows = g.kh * g.kw == 1 && g.stride == 1 ? g.oh * g.ow : g.ow;
      return {0.10 * log2_of(g.n),
              0.18 * log2_of(ic),
              0.10 * log2_of(oc),
              0.08 * log2_of(g.oh * g.ow),
              0.14 * log2_of(g.kh * g.kw),
              0.17 * log2_of(g.stride),
              0.28 * utilization(oc, 16),
              0.17 * utilization(oc, 64),
              0.35 * utilization(ic * element, 64),
              0.30 * utilization(rows, 16),
              0.25 * aligned,
              0.30 * pointwise,
              0.15 * log2_of(g.groups),
              0.15 * log2_of(g.dilation),
              0.06 * size,
              0.06 * balance,
              0.20 * extra,
              0.45 * functions,
              0.25 * wide_dst,
              0.25 * is_signed,
              0.15 * log2_of(g.ow),
              0.30 * g.inside,
              0.08 * reuse,
              0.25 * log2_of(g.kd)};
    }
    case KernelClass::depthwise_convolution:
      return {0.11 * log2_of(g.n),
              0.11 * log2_of(g.oc),
              0.04 * log2_of(g.oh * g.ow),
              0.06 * log2_of(g.kh * g.kw),
              0.10 * log2_of(g.stride),
              0.15 * log2_of(g.dilation),
              0.40 * utilization(g.oc, 16),
              0.13 * utilization(g.oc, 64),
              0.09 * size,
              0.12 * balance,
              0.18 * extra,
              0.45 * functions,
              0.25 * wide_dst,
              0.25 * is_signed,
              0.08 * log2_of(g.ow),
              0.40 * g.inside,
              0.07 * reuse,
              0.25 * log2_of(g.kd)};
    case KernelClass::winograd_convolution: {
      const auto covered = static_cast<double>(winograd_tiles(g) * winograd_tile * winograd_tile);
      return {0.10 * log2_of(winograd_tiles(g)),
              0.18 * log2_of(ic),
              0.18 * log2_of(oc),
              0.60 * static_cast<double>(g.n * g.oh * g.ow) / covered,
              0.06 * size,
              0.06 * balance,
              0.20 * extra,
              0.08 * reuse};
    }
    case KernelClass::dense:
      return {0.08 * log2_of(g.n),
              0.09 * log2_of(ic),
              0.13 * log2_of(oc),
              0.85 * utilization(oc, 16),
              0.38 * utilization(oc, 64),
              1.40 * utilization(ic * element, 64),
              0.40 * utilization(g.n, 16),
              0.60 * aligned,
              0.13 * size,
              0.07 * balance,
              0.33 * functions,
              0.20 * extra,
              0.20 * wide_dst,
              0.20 * is_signed,
              0.05 * std::log2(step.weight_bytes + 1.0),
              0.17 * reuse};
    case KernelClass::sparse_convolution:
    case KernelClass::sparse_dense: {
      const double a_row = step.density * static_cast<double>(g.ic * g.kh * g.kw);  // weights that are multiplied by
      return {0.10 * log2_of(g.n * g.oh * g.ow), 0.12 * log2_of(ic), 0.12 * log2_of(oc), 0.12 * log2_of(g.kh * g.kw),
              0.20 * log2_of(g.stride), 0.15 * std::log2(step.density + 1e-3), 0.10 * std::log2(a_row + 1.0),
              // What of its values it turns: up to three quarters of the time.
              0.80 * step.turned_bytes / (step.src_bytes + step.dst_bytes + 1.0),
              0.40 * utilization(g.n * g.oh * g.ow, 16), 0.30 * utilization(oc, 16), 0.06 * size, 0.08 * balance,
              0.20 * extra, 0.33 * functions, 0.08 * reuse};
    }
    case KernelClass::packed_dense:
      return {0.15 * log2_of(g.n), 0.10 * log2_of(ic), 0.12 * log2_of(oc), 0.40 * utilization(oc, 64),
              // The bytes of a weight.
              0.50 * std::log2(step.weight_bytes / static_cast<double>(std::max<std::int64_t>(g.ic * g.oc, 1)) + 0.1),
              0.10 * size, 0.08 * balance, 0.20 * extra, 0.33 * functions, 0.12 * reuse};
    case KernelClass::matmul:
      return {0.10 * log2_of(g.n),
              0.10 * log2_of(g.ic),
              0.12 * log2_of(g.oc),
              0.10 * log2_of(g.groups),
              0.40 * utilization(g.oc, 16),
              0.20 * utilization(g.oc, 64),
              0.40 * utilization(g.ic * element, 64),
              0.30 * utilization(g.n, 16),
              0.10 * size,
              0.08 * balance,
              0.33 * functions,
              0.20 * extra,
              0.20 * wide_dst,
              0.10 * reuse};
    case KernelClass::recurrent:
      return {
          0.14 * log2_of(g.n), 0.08 * log2_of(g.ic), 0.14 * log2_of(g.oc), 0.05 * log2_of(g.oh), 0.20 * log2_of(g.kh),
          0.20 * log2_of(g.groups), 0.40 * utilization(g.oc, 16), 0.08 * size, 0.08 * balance,
          // The bytes of a recurrent weight.
          0.25 * std::log2(step.reread_set / static_cast<double>(std::max<std::int64_t>(g.oc * g.oc * g.kh, 1)) + 1.0),
          0.08 * reuse};
    case KernelClass::batch_normalization:
      return {0.08 * log2_of(g.n),
              0.08 * log2_of(g.oc),
              0.06 * log2_of(g.oh * g.ow),
              0.30 * utilization(g.oc, 16),
              0.08 * size,
              0.20 * functions,
              size_of(step.dst) == size_of(step.src) ? 0.0 : 0.3,
              0.08 * reuse};
    case KernelClass::pooling:
      return {0.05 * log2_of(g.n),
              0.13 * log2_of(g.oc),
              0.06 * log2_of(g.oh * g.ow),
              0.06 * log2_of(g.kh * g.kw),
              0.08 * log2_of(g.stride),
              0.20 * utilization(g.oc, 16),
              0.25 * (step.average ? 1.0 : 0.0),
              0.10 * size,
              0.06 * log2_of(g.ow),
              0.20 * g.inside,
              g.kh == g.ih && g.kw == g.iw ? 0.3 : 0.0,
              0.07 * reuse,
              0.15 * log2_of(g.kd)};
    case KernelClass::elementwise:
      return {0.03 * log2_of(g.n),  0.07 * log2_of(g.n * g.oc * g.oh * g.ow),
              0.05 * log2_of(g.oc), 0.05 * log2_of(g.oh * g.ow),
              0.10 * extra,         0.10 * read,
              0.20 * functions,     0.06 * size,
              0.06 * reuse,         size_of(step.dst) == size_of(step.src) ? 0.0 : 0.3};
    case KernelClass::softmax:
      return {0.14 * log2_of(g.n), 0.12 * log2_of(g.oc), 0.25 * utilization(g.oc, 16), 0.07 * size, 0.22 * reuse};
    case KernelClass::normalization:
    case KernelClass::reduction:
      return {0.12 * log2_of(g.n), 0.12 * log2_of(g.oc), 0.25 * utilization(g.oc, 16),
              0.10 * run,          0.08 * size,          0.20 * functions,
              wide_dst * 0.2,      0.08 * reuse};
    case KernelClass::movement:
      return {0.04 * log2_of(g.n),
              0.14 * log2_of(g.oc),
              0.04 * log2_of(g.oh * g.ow),
              0.13 * utilization(g.oc, 16),
              0.12 * size,
              size_of(step.src) == 4 ? 0.0 : 0.35,
              size_of(step.dst) == 4 ? 0.0 : 0.25,
              step.src == step.dst ? 0.0 : 0.6,
              step.movement == Movement::input ? 0.5 : 0.0,
              step.movement == Movement::output ? 0.5 : 0.0,
              step.movement == Movement::joined ? 2.0 : 0.0,
              step.movement == Movement::permuted ? 2.0 : 0.0,
              0.10 * run,
              g.oh * g.ow == 1 ? 0.7 : 0.0,
              g.oc <= 4 ? 0.13 : 0.0,
              0.07 * reuse};
  }
  return {};
}

}  // namespace fulcrum::detail

#endif
