#pragma once
/// \file
/// Shuffled, slightly varied batches of a data set.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/data/dataset.hpp>

namespace fulcrum {

/// How images are varied each time they are drawn, so that a network sees more than there are.
struct Augmentation {
  bool flip = false;       ///< mirror left and right, with probability ½
  std::int64_t shift = 0;  ///< move by up to so many pixels each way, zeros come in; 0: not at all

  friend bool operator==(const Augmentation&, const Augmentation&) = default;
};

namespace detail {

/// Copies a plane with dst(y, x) = src(y − dy, x − dx), mirrored first when `flip`; 0 where the source has no pixel.
inline void copy_plane(std::span<const float> src, std::span<float> dst, std::int64_t rows, std::int64_t cols,
                       std::int64_t dy, std::int64_t dx, bool flip) {
  std::fill(dst.begin(), dst.end(), 0.0F);
  const std::int64_t first = std::max<std::int64_t>(dx, 0);
  const std::int64_t last = std::min(cols, cols + dx);
  for (std::int64_t y = std::max<std::int64_t>(dy, 0); y < std::min(rows, rows + dy); ++y) {
    const auto from = src.subspan(static_cast<std::size_t>((y - dy) * cols), static_cast<std::size_t>(cols));
    const auto to = dst.subspan(static_cast<std::size_t>(y * cols), static_cast<std::size_t>(cols));
    for (std::int64_t x = first; x < last; ++x) {
      const std::int64_t at = flip ? cols - 1 - (x - dx) : x - dx;
      to[static_cast<std::size_t>(x)] = from[static_cast<std::size_t>(at)];
    }
  }
}

}  // namespace detail

/// Draws the samples of a data set in an order of its own for every epoch, each at most once. What is left over when
/// the number of samples is no multiple of the batch stays out of that epoch; the next order brings others.
/// The data set must outlive this.
class BatchSampler {
public:
  /// \param batch  1 … data.size()
  /// \throws Error when the data set is invalid or too small for one batch
  BatchSampler(const Dataset& data, std::int64_t batch, const Augmentation& augmentation, std::uint64_t seed)
      : data_(data), augmentation_(augmentation), random_(seed), order_(static_cast<std::size_t>(data.size())) {
    validate(data);
    if (batch < 1 || batch > data.size()) {
      throw Error("batch " + std::to_string(batch),
                  "cannot be drawn from a data set of " + std::to_string(data.size()) + " samples",
                  "give 1 to the number of samples");
    }
    if (augmentation.shift < 0) throw Error("augmentation", "has a negative shift", "give 0 or more pixels");
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    Shape shape = data.images.dims();
    shape[0] = batch;
    images_ = Tensor<float>(shape);
    labels_.resize(static_cast<std::size_t>(batch));
  }

  [[nodiscard]] std::int64_t batches_per_epoch() const { return data_.size() / images_.dim(0); }

  /// A new order.
  void start_epoch() {
    random_.shuffle(std::span(order_));
    next_ = 0;
  }

  /// Draws the next batch. Call at most batches_per_epoch() times in an epoch.
  void draw() {
    const Shape shape = images_.dims();
    const auto plane = static_cast<std::size_t>(shape[2] * shape[3]);
    const auto planes = static_cast<std::size_t>(shape[1]);
    for (std::size_t i = 0; i < labels_.size(); ++i, ++next_) {
      const std::size_t sample = order_[next_];
      labels_[i] = data_.labels[sample];
      const auto from = data_.images.flat().subspan(sample * planes * plane, planes * plane);
      const auto to = images_.flat().subspan(i * planes * plane, planes * plane);
      if (augmentation_ == Augmentation{}) {
        std::copy(from.begin(), from.end(), to.begin());
        continue;
      }
      const std::int64_t dy = offset();
      const std::int64_t dx = offset();
      const bool flip = augmentation_.flip && random_.below(2) == 1;
      for (std::size_t c = 0; c < planes; ++c) {
        detail::copy_plane(from.subspan(c * plane, plane), to.subspan(c * plane, plane), shape[2], shape[3], dy, dx,
                           flip);
      }
    }
  }

  [[nodiscard]] const Tensor<float>& images() const noexcept { return images_; }           ///< (batch, c, h, w)
  [[nodiscard]] std::span<const std::int32_t> labels() const noexcept { return labels_; }  ///< batch of them

private:
  std::int64_t offset() {
    const auto choices = static_cast<std::uint64_t>(2 * augmentation_.shift + 1);
    return static_cast<std::int64_t>(random_.below(choices)) - augmentation_.shift;
  }

  const Dataset& data_;
  Augmentation augmentation_;
  Random random_;
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;
  Tensor<float> images_;
  std::vector<std::int32_t> labels_;
};

}  // namespace fulcrum
