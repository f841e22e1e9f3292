#pragma once
/// \file
/// A layer of the user's own: what it computes is a function that the model holds.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// What a layer of the user's own is. Several executors and threads may call the functions at once, so they keep
/// nothing between calls that is not guarded.
struct CustomFunction {
  template <class T>
  using Kernel = std::function<void(std::span<const kernels::Source<T>>, const kernels::Result<T>&)>;

  std::string name;         ///< the layer's kind in reports: "SoftThreshold"
  std::size_t sources = 1;  ///< how many values it takes
  /// Shape of the result for those of the sources; throws an Error where they do not fit. Empty: that of the first.
  std::function<Shape(std::span<const Shape>)> dst_shape{};
  /// Work of one execution, which predictions charge at what element-wise loops reach on the machine. Empty: one FLOP
  /// for each element of the result.
  std::function<Work(std::span<const Shape>, const Shape&)> work{};
  /// Computes row-major elements; must give all of the result. Required. Runs on one thread.
  Kernel<float> run{};
  /// The same in f64, for the reference executor of double. Empty: computed in f32.
  Kernel<double> run_f64{};
  /// What kind of numbers the result holds; empty: that of the first source.
  std::function<ElementType(std::span<const ElementType>)> dst_element{};
  /// Whether each sample of the result follows from the same sample of the sources alone, along the first axis of all
  /// of them: then batches may be cut into slices and formed of requests.
  bool samples_are_independent = false;
};

/// A layer of the user's own. Both executors run it, in every precision on f32 values; predictions charge its work;
/// passes leave it alone; it is not trained, and export_onnx() refuses it by name.
///
/// Copies of a model share the function; layers are equal when they hold the same one.
struct Custom {
  std::shared_ptr<const CustomFunction> function;

  static constexpr std::string_view kind = "Custom";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.only_loops = true}; }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> src) const {
    if (function && function->dst_element) return function->dst_element(src);
    return src.empty() ? ElementType::f32 : src[0];
  }

  /// \throws Error when there is no function or it takes another number of sources, and as the function does
  FULCRUM_DECLARE [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return function && function->work ? function->work(src, dst) : detail::elementwise_work(src, dst, 1.0);
  }

  friend bool operator==(const Custom&, const Custom&) = default;
};

/// The layer of a function.
/// \throws Error when it has no name or nothing to run
FULCRUM_DECLARE [[nodiscard]] Custom custom(CustomFunction function);

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <utility>

namespace fulcrum {

FULCRUM_DEFINE Shape Custom::dst_shape(std::span<const Shape> src) const {
  if (!function) throw Error("a custom layer", "has no function", "make it with custom()");
  detail::expect_sources(src, function->sources, function->name.c_str());
  if (function->dst_shape) return function->dst_shape(src);
  if (src.empty()) throw Error(function->name, "takes no sources and says no shape", "give it dst_shape");
  return src[0];
}

FULCRUM_DEFINE Custom custom(CustomFunction function) {
  if (function.name.empty()) throw Error("a custom layer", "has no name", "give it one, for reports");
  if (!function.run) throw Error(function.name, "has nothing to run", "give the function run");
  return {std::make_shared<const CustomFunction>(std::move(function))};
}

}  // namespace fulcrum

#endif
