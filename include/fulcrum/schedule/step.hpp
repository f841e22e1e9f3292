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

/// Steps of one class do the same kind of work, so that the time of one tells something about another's, where the same
/// algorithm runs both.
enum class KernelClass : std::uint8_t {
  convolution,
  grouped_convolution,     ///< of several channels a group
  depthwise_convolution,   ///< one filter per channel
  winograd_convolution,    ///< by Winograd's algorithm (schedule/winograd.hpp)
  sparse_convolution,      ///< by the weights that are not 0 (schedule/sparse.hpp)
  transposed_convolution,  ///< the gradient of a convolution
  dense,                   ///< rows times a matrix of weights
  sparse_dense,            ///< by the weights that are not 0
  packed_dense,            ///< with weights of a few bits that are unpacked on the way
  matmul,                  ///< products of values
  recurrent,
  batch_normalization,  ///< that is a step of its own
  pooling,              ///< windows and whole planes
  elementwise,          ///< activations, sums and products that are steps of their own
  softmax,
  normalization,  ///< by statistics of the value itself
  reduction,      ///< one element of several
  movement,  ///< changes of layout or type, concatenation, and all that takes elements from elsewhere: no arithmetic
};

/// Every class, in the order in which profiles list them.
inline constexpr std::array all_kernel_classes{KernelClass::convolution,
                                               KernelClass::grouped_convolution,
                                               KernelClass::depthwise_convolution,
                                               KernelClass::winograd_convolution,
                                               KernelClass::sparse_convolution,
                                               KernelClass::transposed_convolution,
                                               KernelClass::dense,
                                               KernelClass::sparse_dense,
                                               KernelClass::packed_dense,
                                               KernelClass::matmul,
                                               KernelClass::recurrent,
                                               KernelClass::batch_normalization,
                                               KernelClass::pooling,
                                               KernelClass::elementwise,
                                               KernelClass::softmax,
                                               KernelClass::normalization,
                                               KernelClass::reduction,
                                               KernelClass::movement};

[[nodiscard]] constexpr std::string_view name_of(KernelClass kernel) noexcept {
  switch (kernel) {
    case KernelClass::convolution: return "convolution";
    case KernelClass::grouped_convolution: return "grouped_convolution";
    case KernelClass::depthwise_convolution: return "depthwise_convolution";
    case KernelClass::winograd_convolution: return "winograd_convolution";
    case KernelClass::sparse_convolution: return "sparse_convolution";
    case KernelClass::transposed_convolution: return "transposed_convolution";
    case KernelClass::dense: return "dense";
    case KernelClass::sparse_dense: return "sparse_dense";
    case KernelClass::packed_dense: return "packed_dense";
    case KernelClass::matmul: return "matmul";
    case KernelClass::recurrent: return "recurrent";
    case KernelClass::batch_normalization: return "batch_normalization";
    case KernelClass::pooling: return "pooling";
    case KernelClass::elementwise: return "elementwise";
    case KernelClass::softmax: return "softmax";
    case KernelClass::normalization: return "normalization";
    case KernelClass::reduction: return "reduction";
    case KernelClass::movement: return "movement";
  }
  return "?";
}

/// The class whose steps take and leave values in the same layouts: a sparse product's are those of the dense one.
[[nodiscard]] constexpr KernelClass kernel_of_layout(KernelClass kernel) noexcept {
  switch (kernel) {
    case KernelClass::sparse_convolution: return KernelClass::convolution;
    case KernelClass::sparse_dense:
    case KernelClass::packed_dense: return KernelClass::dense;
    default: return kernel;
  }
}

/// \throws Error when there is no such class
[[nodiscard]] inline KernelClass kernel_class_from(std::string_view name) {
  return enum_from("kernel class", name, all_kernel_classes);
}

/// What a movement is for: they differ in which side lies how in memory.
enum class Movement : std::uint8_t {
  none,      ///< the step computes
  input,     ///< a value of the user's, row-major f32, goes into the model
  inner,     ///< between two steps
  output,    ///< a result goes to the user, row-major f32
  joined,    ///< sources are concatenated
  permuted,  ///< axes change places
  taken,     ///< elements of a source, or between them: parts, repetitions, lookups, another resolution
};

/// The extents of a step, in the words of a convolution. What a class has no use for is 1.
///
/// dense: n rows of ic to rows of oc; matmul: so in each of `groups` products; recurrent: n samples of ih steps, ic
/// features and oc hidden units, with kh gates in `groups` directions; pooling: ic = oc channels; elementwise and
/// movement: ic = oc; softmax, normalization and reduction: n rows of oc. A window over a whole plane (global pooling)
/// has the plane's extents as kh, kw.
struct StepGeometry {
  std::int64_t n = 1;   ///< samples, or rows
  std::int64_t ic = 1;  ///< input channels, of all groups
  std::int64_t oc = 1;  ///< output channels, of all groups
  std::int64_t ih = 1, iw = 1;
  std::int64_t oh = 1, ow = 1;
  std::int64_t kh = 1, kw = 1;
  std::int64_t kd = 1;        ///< of a window over volumes; the planes of their result count as samples
  std::int64_t stride = 1;    ///< of rows
  std::int64_t dilation = 1;  ///< of rows
  std::int64_t groups = 1;
  double inside = 1.0;         ///< share of the window's taps that lie in the source and not in its padding
  std::int64_t extra_src = 0;  ///< further sources of the size of the result (a residual Add, a second factor)
  /// Of a movement or a reduction: elements that lie side by side in a source and are taken together; 1 … all.
  std::int64_t run = 1;

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
  int threads = 1;                  ///< that share it: one where it is too small for more (schedule/step_threads.hpp)
  int team = 1;                     ///< threads of the run: what one of them made, the others find in its caches
  bool average = false;             ///< pooling: a mean, not a maximum
  int functions = 0;                ///< activations that take more than a comparison (exponentials), per result
  double function_flops = 0.0;      ///< [FLOP] of its activations, about: on f32 in vectors, whatever the arithmetic is
  double flops = 0.0;               ///< [FLOP] of the batch
  double density = 1.0;             ///< share of the weights that are multiplied by: less than 1 in a sparse product
  double src_bytes = 0.0;           ///< [B] activations read
  double weight_bytes = 0.0;        ///< [B] weights and biases read, as packed
  double dst_bytes = 0.0;           ///< [B] activations written
  double turned_bytes = 0.0;        ///< [B] of those of a sparse product that it brings into planes or out of them
  double reread_bytes = 0.0;        ///< [B] of the weights that are read again, in every further step of a sequence
  double reread_set = 0.0;          ///< [B] touched until such a byte is read again
  double reuse_bytes = 0.0;         ///< [B] touched between two uses of the weights: decides from which cache they come
  double reuse_weight_bytes = 0.0;  ///< [B] of those that are weights: instances of one model share them

  [[nodiscard]] double bytes() const noexcept { return src_bytes + weight_bytes + dst_bytes + reread_bytes; }
  /// Of its primary: "Conv" of "Conv+Relu".
  [[nodiscard]] std::string_view primary_kind() const noexcept {
    return std::string_view(kind).substr(0, kind.find('+'));
  }
};

/// Whether its loops take and leave values with the pixels of a channel side by side where the steps around it do
/// (ScheduledStep::in_planes).
[[nodiscard]] inline bool takes_planes(const Step& step) noexcept {
  return step.kernel == KernelClass::sparse_convolution ||
         (step.kernel == KernelClass::depthwise_convolution && step.algorithm == Algorithm::threaded_loops);
}

}  // namespace fulcrum
