#pragma once
/// \file
/// What a network is trained on, and shuffled, slightly varied batches of it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/data/dataset.hpp>

namespace fulcrum {

/// Samples, and what a network is to make of each: its class (classification), a tensor (regression), or both (a
/// teacher's output beside the labels, say). A view: what it is made of must outlive it.
class SampleView {
public:
  /// Labelled images.
  /// \throws Error when the data set is invalid
  // NOLINTNEXTLINE(google-explicit-constructor): a data set is samples
  SampleView(const Dataset& data) : src_(&data.images), labels_(data.labels), classes_(data.classes) { validate(data); }
  /// \param src      (n, …)
  /// \param targets  (n, …)
  /// \throws Error when there are not as many of both
  SampleView(const Tensor<float>& src, const Tensor<float>& targets) : src_(&src), targets_(&targets) { check(); }
  /// Labelled images, each with a tensor as well.
  /// \throws Error when the data set is invalid or there are not as many targets as images
  FULCRUM_DECLARE SampleView(const Dataset& data, const Tensor<float>& targets);

  [[nodiscard]] std::int64_t size() const { return src_->dim(0); }
  [[nodiscard]] const Tensor<float>& src() const noexcept { return *src_; }                ///< (n, …)
  [[nodiscard]] std::span<const std::int32_t> labels() const noexcept { return labels_; }  ///< n of them, or none
  [[nodiscard]] std::int64_t classes() const noexcept { return classes_; }                 ///< 0 without labels
  [[nodiscard]] const Tensor<float>* targets() const noexcept { return targets_; }         ///< (n, …), or null

private:
  FULCRUM_DECLARE void check() const;

  const Tensor<float>* src_;
  std::span<const std::int32_t> labels_;
  std::int64_t classes_ = 0;
  const Tensor<float>* targets_ = nullptr;
};

/// What one step of a training sees.
struct Batch {
  Tensor<float> src;                     ///< (n, …)
  std::vector<std::int32_t> labels;      ///< n of them, 0 … classes − 1; none: the samples have no classes
  std::int64_t classes = 0;              ///< 0 without labels
  std::optional<Tensor<float>> targets;  ///< (n, …); nothing: the samples have no such targets
};

/// How images are varied each time they are drawn, so that a network sees more than there are.
struct Augmentation {
  bool flip = false;       ///< mirror left and right, with probability ½
  std::int64_t shift = 0;  ///< move by up to so many pixels each way, zeros come in; 0: not at all

  friend bool operator==(const Augmentation&, const Augmentation&) = default;
};

namespace detail {

/// Copies a plane with dst(y, x) = src(y − dy, x − dx), mirrored first when `flip`; 0 where the source has no pixel.
FULCRUM_DECLARE void copy_plane(std::span<const float> src, std::span<float> dst, std::int64_t rows, std::int64_t cols,
                                std::int64_t dy, std::int64_t dx, bool flip);

}  // namespace detail

/// Draws samples in an order of its own for every epoch, each at most once. What is left over when the number of
/// samples is no multiple of the batch stays out of that epoch; the next order brings others. What the view shows must
/// outlive this.
class BatchSampler {
public:
  /// \param batch  1 … samples.size()
  /// \throws Error when there are too few samples for one batch, or an augmentation has no images to vary
  FULCRUM_DECLARE BatchSampler(const SampleView& samples, std::int64_t batch, const Augmentation& augmentation,
                               std::uint64_t seed);

  [[nodiscard]] std::int64_t batches_per_epoch() const { return samples_.size() / batch_.src.dim(0); }

  /// A new order.
  FULCRUM_DECLARE void start_epoch();

  /// The next batch, until the next call. Call at most batches_per_epoch() times in an epoch.
  FULCRUM_DECLARE const Batch& draw();

private:
  /// Element `index` of the first axis.
  template <class T>
  static auto part_of(T& tensor, std::size_t index) {
    const auto flat = tensor.flat();
    const std::size_t size = flat.size() / static_cast<std::size_t>(tensor.dim(0));
    return flat.subspan(index * size, size);
  }

  static void copy_sample(const Tensor<float>& from, std::size_t sample, Tensor<float>& to, std::size_t at) {
    const auto values = part_of(from, sample);
    std::copy(values.begin(), values.end(), part_of(to, at).begin());
  }

  FULCRUM_DECLARE void vary_sample(std::size_t sample, std::size_t at);

  FULCRUM_DECLARE std::int64_t offset();

  SampleView samples_;
  Augmentation augmentation_;
  Random random_;
  std::vector<std::size_t> order_;
  std::size_t next_ = 0;
  Batch batch_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(train)

namespace fulcrum {

FULCRUM_DEFINE SampleView::SampleView(const Dataset& data, const Tensor<float>& targets) : SampleView(data) {
  targets_ = &targets;
  check();
}

FULCRUM_DEFINE void SampleView::check() const {
  const bool one_each = src_->dimension() > 0 && targets_->dimension() > 0 && src_->dim(0) == targets_->dim(0);
  if (one_each) return;
  throw Error("training data", "has samples " + to_string(src_->dims()) + " and targets " + to_string(targets_->dims()),
              "give (n, …) and (n, …)");
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DEFINE void copy_plane(std::span<const float> src, std::span<float> dst, std::int64_t rows, std::int64_t cols,
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

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE BatchSampler::BatchSampler(const SampleView& samples, std::int64_t batch,
                                          const Augmentation& augmentation, std::uint64_t seed)
    : samples_(samples), augmentation_(augmentation), random_(seed), order_(static_cast<std::size_t>(samples.size())) {
  if (batch < 1 || batch > samples.size()) {
    throw Error("batch " + std::to_string(batch),
                "cannot be drawn from a data set of " + std::to_string(samples.size()) + " samples",
                "give 1 to the number of samples");
  }
  if (augmentation.shift < 0) throw Error("augmentation", "has a negative shift", "give 0 or more pixels");
  if (augmentation != Augmentation{} && samples.src().dimension() != 4) {
    throw Error("augmentation", "is for images (n, c, h, w) but samples are " + to_string(samples.src().dims()),
                "train without it");
  }
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  const auto batch_of = [&](const Tensor<float>& all) {
    Shape shape = all.dims();
    shape[0] = batch;
    return Tensor<float>(shape);
  };
  batch_.src = batch_of(samples.src());
  batch_.classes = samples.classes();
  if (!samples.labels().empty()) batch_.labels.resize(static_cast<std::size_t>(batch));
  if (samples.targets() != nullptr) batch_.targets = batch_of(*samples.targets());
}

FULCRUM_DEFINE void BatchSampler::start_epoch() {
  random_.shuffle(std::span(order_));
  next_ = 0;
}

FULCRUM_DEFINE const Batch& BatchSampler::draw() {
  const auto size = static_cast<std::size_t>(batch_.src.dim(0));
  for (std::size_t i = 0; i < size; ++i, ++next_) {
    const std::size_t sample = order_[next_];
    if (!batch_.labels.empty()) batch_.labels[i] = samples_.labels()[sample];
    if (batch_.targets) copy_sample(*samples_.targets(), sample, *batch_.targets, i);
    if (augmentation_ == Augmentation{})
      copy_sample(samples_.src(), sample, batch_.src, i);
    else
      vary_sample(sample, i);
  }
  return batch_;
}

FULCRUM_DEFINE void BatchSampler::vary_sample(std::size_t sample, std::size_t at) {
  const Shape shape = batch_.src.dims();
  const auto plane = static_cast<std::size_t>(shape[2] * shape[3]);
  const auto from = part_of(samples_.src(), sample);
  const auto to = part_of(batch_.src, at);
  const std::int64_t dy = offset();
  const std::int64_t dx = offset();
  const bool flip = augmentation_.flip && random_.below(2) == 1;
  for (std::size_t c = 0; c < static_cast<std::size_t>(shape[1]); ++c) {
    detail::copy_plane(from.subspan(c * plane, plane), to.subspan(c * plane, plane), shape[2], shape[3], dy, dx, flip);
  }
}

FULCRUM_DEFINE std::int64_t BatchSampler::offset() {
  const auto choices = static_cast<std::uint64_t>(2 * augmentation_.shift + 1);
  return static_cast<std::int64_t>(random_.below(choices)) - augmentation_.shift;
}

}  // namespace fulcrum

#endif
