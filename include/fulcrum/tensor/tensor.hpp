#pragma once
/// \file
/// Tensor<T>: the dense array everything else is made of.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>

#if __has_include(<xtensor/containers/xcontainer.hpp>)  // xtensor 0.26 and later
#include <xtensor/containers/xcontainer.hpp>
#include <xtensor/containers/xstorage.hpp>
#include <xtensor/core/xsemantic.hpp>
#else
#include <xtensor/xcontainer.hpp>
#include <xtensor/xsemantic.hpp>
#include <xtensor/xstorage.hpp>
#endif

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/shape.hpp>
#include <fulcrum/tensor/aligned_allocator.hpp>

namespace fulcrum {
template <class T>
class Tensor;
}

namespace xt {
template <class T>
struct xcontainer_inner_types<fulcrum::Tensor<T>> {
  using storage_type = uvector<T, fulcrum::AlignedAllocator<T>>;
  using reference = T&;
  using const_reference = const T&;
  using size_type = std::size_t;
  using shape_type = svector<std::size_t, 4>;
  using strides_type = get_strides_t<shape_type>;
  using backstrides_type = get_strides_t<shape_type>;
  using inner_shape_type = shape_type;
  using inner_strides_type = strides_type;
  using inner_backstrides_type = backstrides_type;
  using temporary_type = fulcrum::Tensor<T>;
  static constexpr layout_type layout = layout_type::row_major;
};
template <class T>
struct xiterable_inner_types<fulcrum::Tensor<T>> : xcontainer_iterable_types<fulcrum::Tensor<T>> {};
}  // namespace xt

namespace fulcrum {

/// An owning, row-major, 64-byte aligned array of any rank: a value.
///
/// It is an xtensor container, so it takes part in xtensor expressions (`Tensor<float> y = 2.0F * x + 1.0F;`) and
/// views; include the xtensor headers for the functions you use. `operator()` is unchecked; `at()` throws Error.
/// A default-constructed tensor is a scalar holding 0.
template <class T>
class Tensor : public xt::xstrided_container<Tensor<T>>, public xt::xcontainer_semantic<Tensor<T>> {
public:
  using self_type = Tensor<T>;
  using base_type = xt::xstrided_container<self_type>;
  using semantic_base = xt::xcontainer_semantic<self_type>;
  using storage_type = typename base_type::storage_type;
  using value_type = T;
  using shape_type = typename base_type::shape_type;
  using inner_shape_type = typename base_type::inner_shape_type;
  using temporary_type = self_type;
  using expression_tag = xt::xtensor_expression_tag;
  static constexpr std::size_t rank = SIZE_MAX;  // xtensor's way to say "known only at run time"

  Tensor() : Tensor(Shape{}) {}

  /// Zero-filled.
  /// \throws Error when a dimension is negative
  explicit Tensor(const Shape& shape, T value = T{}) {
    static_cast<void>(element_count(shape));  // refuses negative dimensions and overflow
    allocate(shape);
    std::fill(storage_.begin(), storage_.end(), value);
  }

  /// With elements of no known value, for a caller that writes them all.
  /// \throws Error when a dimension is negative
  [[nodiscard]] static Tensor for_overwrite(const Shape& shape) {
    static_cast<void>(element_count(shape));  // as above
    Tensor result;
    result.allocate(shape);
    return result;
  }

  /// From values in row-major order.
  /// \throws Error when their number is not that of the shape
  Tensor(const Shape& shape, std::initializer_list<T> values)
      : Tensor(shape, std::span(values.begin(), values.size())) {}

  /// \copydoc Tensor(const Shape&, std::initializer_list<T>)
  Tensor(const Shape& shape, std::span<const T> values) {
    if (element_count(shape) != static_cast<std::int64_t>(values.size())) {
      throw Error("tensor of shape " + to_string(shape), "was given " + std::to_string(values.size()) + " values",
                  "give " + std::to_string(element_count(shape)));
    }
    allocate(shape);
    std::copy(values.begin(), values.end(), storage_.begin());
  }

  /// Evaluates an xtensor expression.
  template <class E>
  Tensor(const xt::xexpression<E>& expression) {  // NOLINT(google-explicit-constructor)
    allocate({});
    semantic_base::assign(expression);
  }
  template <class E>
  Tensor& operator=(const xt::xexpression<E>& expression) {
    return semantic_base::operator=(expression);
  }

  Tensor(const Tensor&) = default;
  Tensor& operator=(const Tensor&) = default;
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor&&) noexcept = default;
  ~Tensor() = default;

  /// The shape as signed extents, outermost first.
  [[nodiscard]] Shape dims() const { return Shape(this->shape().begin(), this->shape().end()); }

  /// Extent of one axis; negative axes count from the end.
  [[nodiscard]] std::int64_t dim(std::int64_t axis) const {
    return static_cast<std::int64_t>(this->shape()[normalized_axis(axis, this->dimension())]);
  }

  /// All elements in row-major order.
  [[nodiscard]] std::span<T> flat() noexcept { return {storage_.data(), storage_.size()}; }
  [[nodiscard]] std::span<const T> flat() const noexcept { return {storage_.data(), storage_.size()}; }

  /// Bounds-checked element access; as many indices as axes.
  /// \throws Error when an index is outside, or their number is not the rank
  template <std::integral... Index>
  [[nodiscard]] T& at(Index... index) {
    return storage_[offset({static_cast<std::int64_t>(index)...})];
  }
  template <std::integral... Index>
  [[nodiscard]] const T& at(Index... index) const {
    return storage_[offset({static_cast<std::int64_t>(index)...})];
  }

  /// The same elements under another shape (no copy when called on an rvalue).
  /// \throws Error when the element counts differ
  [[nodiscard]] Tensor reshaped(const Shape& shape) const& { return Tensor(*this).reshaped(shape); }
  [[nodiscard]] Tensor reshaped(const Shape& shape) && {
    if (element_count(shape) != static_cast<std::int64_t>(storage_.size())) {
      throw Error("tensor of shape " + to_string(dims()), "cannot be reshaped to " + to_string(shape));
    }
    base_type::reshape(shape_type(shape.begin(), shape.end()));
    return std::move(*this);
  }

  /// Same shape, same elements (NaN differs from itself, as in IEEE 754).
  friend bool operator==(const Tensor& a, const Tensor& b) {
    return a.dims() == b.dims() && std::equal(a.storage_.begin(), a.storage_.end(), b.storage_.begin());
  }

private:
  friend class xt::xcontainer<Tensor<T>>;

  void allocate(const Shape& shape) {
    base_type::resize(shape_type(shape.begin(), shape.end()));
    if (shape.empty()) storage_.resize(1);  // resize() sees no change from the default shape
  }

  [[nodiscard]] storage_type& storage_impl() noexcept { return storage_; }
  [[nodiscard]] const storage_type& storage_impl() const noexcept { return storage_; }

  [[nodiscard]] std::size_t offset(std::initializer_list<std::int64_t> index) const {
    const Shape shape = dims();
    std::int64_t result = 0;
    bool inside = index.size() == shape.size();
    for (std::size_t axis = 0; inside && axis < shape.size(); ++axis) {
      const std::int64_t i = index.begin()[axis];
      inside = i >= 0 && i < shape[axis];
      result = result * shape[axis] + i;
    }
    if (!inside) throw Error("index " + to_string(Shape(index)), "is outside a tensor of shape " + to_string(shape));
    return static_cast<std::size_t>(result);
  }

  storage_type storage_;
};

/// Element-wise conversion.
template <class To, class From>
[[nodiscard]] Tensor<To> cast(const Tensor<From>& src) {
  Tensor<To> dst(src.dims());
  std::transform(src.flat().begin(), src.flat().end(), dst.flat().begin(), [](From v) { return static_cast<To>(v); });
  return dst;
}
// Without these, a tensor that is not const would go to xtensor's lazy xt::cast.
template <class To, class From>
[[nodiscard]] Tensor<To> cast(Tensor<From>& src) {
  return cast<To>(std::as_const(src));
}
template <class To, class From>
[[nodiscard]] Tensor<To> cast(Tensor<From>&& src) {
  return cast<To>(std::as_const(src));
}

}  // namespace fulcrum
