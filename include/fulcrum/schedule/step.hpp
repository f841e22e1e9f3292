#pragma once
/// \file
/// A step: one thing that runs, with the geometry and the traffic on which its time depends.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/enum_name.hpp>
#include <fulcrum/core/error.hpp>
#include <fulcrum/schedule/algorithm.hpp>

namespace fulcrum {

/// Steps of one class run in the same family of kernels, so that the time of one tells something about another's.
enum class KernelClass : std::uint8_t {
  convolution,            ///< also grouped
  depthwise_convolution,  ///< one filter per channel
  winograd_convolution,   ///< by Winograd's algorithm (schedule/winograd.hpp)
  dense,
  pooling,      ///< windows and whole planes
  elementwise,  ///< activations, sums, products and batch normalizations that are steps of their own
  softmax,
  movement,  ///< changes of layout or type, and concatenation: no arithmetic
};

/// Every class, in the order in which profiles list them.
inline constexpr std::array all_kernel_classes{KernelClass::convolution,
                                               KernelClass::depthwise_convolution,
                                               KernelClass::winograd_convolution,
                                               KernelClass::dense,
                                               KernelClass::pooling,
                                               KernelClass::elementwise,
                                               KernelClass::softmax,
                                               KernelClass::movement};

[[nodiscard]] constexpr std::string_view name_of(KernelClass kernel) noexcept {
  switch (kernel) {
    case KernelClass::convolution: return "convolution";
    case KernelClass::depthwise_convolution: return "depthwise_convolution";
    case KernelClass::winograd_convolution: return "winograd_convolution";
    case KernelClass::dense: return "dense";
    case KernelClass::pooling: return "pooling";
    case KernelClass::elementwise: return "elementwise";
    case KernelClass::softmax: return "softmax";
    case KernelClass::movement: return "movement";
  }
  return "?";
}

/// \throws Error when there is no such class
[[nodiscard]] inline KernelClass kernel_class_from(std::string_view name) {
  return enum_from("kernel class", name, all_kernel_classes);
}

/// What a movement is for: they differ in which side lies how in memory.
enum class Movement : std::uint8_t {
  none,    ///< the step computes
  input,   ///< a value of the user's, row-major f32, goes into the model
  inner,   ///< between two steps
  output,  ///< a result goes to the user, row-major f32
  joined,  ///< sources are concatenated
};

/// The extents of a step, in the words of a convolution. What a class has no use for is 1.
///
/// dense: n rows of ic to rows of oc; pooling: ic = oc channels; elementwise and movement: ic = oc; softmax: n rows of
/// oc. A window over a whole plane (global pooling) has the plane's extents as kh, kw.
struct StepGeometry {
  std::int64_t n = 1;   ///< samples, or rows
  std::int64_t ic = 1;  ///< input channels, of all groups
  std::int64_t oc = 1;  ///< output channels, of all groups
  std::int64_t ih = 1, iw = 1;
  std::int64_t oh = 1, ow = 1;
  std::int64_t kh = 1, kw = 1;
  std::int64_t stride = 1;    ///< of rows
  std::int64_t dilation = 1;  ///< of rows
  std::int64_t groups = 1;
  double inside = 1.0;         ///< share of the window's taps that lie in the source and not in its padding
  std::int64_t extra_src = 0;  ///< further sources of the size of the result (a residual Add, a second factor)

  friend bool operator==(const StepGeometry&, const StepGeometry&) = default;
};

/// One thing that runs.
struct Step {
  std::string name;  ///< the node whose value it computes first; of a Reorder, the value it converts
  std::string kind;  ///< "Conv+Relu", "MaxPool", "Reorder"
  KernelClass kernel = KernelClass::movement;
  Precision arithmetic = Precision::f32;  ///< whose kernels run it: a layer without int8 form stays f32 in int8 models
  DType src = DType::f32;
  DType dst = DType::f32;
  StepGeometry geometry;
  Movement movement = Movement::none;
  Algorithm algorithm = Algorithm::primitive;
  int threads = 1;            ///< that share it: one where it is too small for more (schedule/step_threads.hpp)
  bool average = false;       ///< pooling: a mean, not a maximum
  int functions = 0;          ///< activations that take more than a comparison (exponentials), per result
  double flops = 0.0;         ///< [FLOP] of the batch
  double src_bytes = 0.0;     ///< [B] activations read
  double weight_bytes = 0.0;  ///< [B] weights and biases read, as packed
  double dst_bytes = 0.0;     ///< [B] activations written
  double reread_bytes = 0.0;  ///< [B] of the weights that are read again, in every further step of a sequence
  double reread_set = 0.0;    ///< [B] touched until such a byte is read again
  double reuse_bytes = 0.0;   ///< [B] touched between two uses of the weights: decides from which cache they come

  [[nodiscard]] double bytes() const noexcept { return src_bytes + weight_bytes + dst_bytes + reread_bytes; }
};

}  // namespace fulcrum
