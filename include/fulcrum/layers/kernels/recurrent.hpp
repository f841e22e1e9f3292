#pragma once
/// \file
/// Recurrent: the formulas of ONNX's LSTM, GRU and RNN, step by step.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/recurrent.hpp>

namespace fulcrum::kernels {

/// What the steps of a recurrent layer hold in between. Whoever keeps it over several runs spares them the heap.
template <class T>
struct RecurrentBuffers {
  std::vector<T> of_input;            ///< (steps · n, gates · hidden)
  std::vector<T> of_state;            ///< (n, gates · hidden)
  std::vector<T> state, next, cell;   ///< (n, hidden)
  std::vector<std::int64_t> lengths;  ///< (n)
  std::vector<std::int64_t> at;       ///< (n): the step of the source that a sample is at; −1: none any more
};

/// How many steps each sample has, from the layer's last source.
/// \throws Error when one is no whole number of 0 … steps
template <class T>
void read_lengths(std::span<const T> given, std::int64_t steps, std::vector<std::int64_t>& lengths);

/// One direction of a recurrent layer.
template <class T>
class RecurrentCell {
public:
  /// \param x  (steps, n, input)
  RecurrentCell(const Recurrent<T>& layer, std::int64_t direction, const Source<T>& x, RecurrentBuffers<T>& buffers);

  /// The hidden state (n, hidden) after one step, from the one before; `cell` (n, hidden) of an LSTM is updated.
  /// Samples are at the steps of the source that the buffers say; those at none are left as they are, of `after`
  /// nothing.
  void step(const T* before, T* cell, T* after);

private:
  /// Function k of the direction, of a bounded argument.
  [[nodiscard]] T apply(std::size_t k, T x) const {
    const T clip = static_cast<T>(layer_.clip);
    return functions_[k](clip > T{0} ? std::clamp(x, -clip, clip) : x);
  }
  /// What a gate's function takes, without peepholes.
  [[nodiscard]] T gate(std::int64_t row, std::int64_t k, std::int64_t j) const {
    return of_input_[row_of(row) * rows_ + k * hidden_ + j] + of_state_[row * rows_ + k * hidden_ + j];
  }
  /// Where the sample's step is in of_input_.
  [[nodiscard]] std::int64_t row_of(std::int64_t sample) const {
    return at_[static_cast<std::size_t>(sample)] * n_ + sample;
  }
  [[nodiscard]] bool has_ended(std::int64_t sample) const { return at_[static_cast<std::size_t>(sample)] < 0; }

  void step_lstm(T* cell, T* after) const;

  void step_gru(const T* state, T* after);

  void step_rnn(T* after) const;

  const Recurrent<T>& layer_;
  std::int64_t n_, hidden_, rows_, input_;
  const T* recurrent_;  // (gates · hidden, hidden)
  const T* bias_;
  const T* peepholes_;
  const Activation* functions_;
  T *of_input_ = nullptr, *of_state_ = nullptr;
  const std::vector<std::int64_t>& at_;
};

template <class T>
void run(const Recurrent<T>& layer, std::span<const Source<T>> src, const Result<T>& dst, RecurrentBuffers<T>& buffers);

template <class T>
void run(const Recurrent<T>& layer, std::span<const Source<T>> src, const Result<T>& dst) {
  RecurrentBuffers<T> buffers;
  run(layer, src, dst, buffers);
}

}  // namespace fulcrum::kernels

#if FULCRUM_DEFINES(kernels)

#include <fulcrum/layers/kernels/product.hpp>

namespace fulcrum::kernels {

template <class T>
RecurrentCell<T>::RecurrentCell(const Recurrent<T>& layer, std::int64_t direction, const Source<T>& x,
                                RecurrentBuffers<T>& buffers)
    : layer_(layer),
      n_(x.shape[1]),
      hidden_(layer.hidden()),
      rows_(gates_of(layer.cell) * hidden_),
      input_(layer.weights.value->dim(2)),
      recurrent_(layer.recurrent_weights.value->flat().data() + direction * rows_ * hidden_),
      bias_(layer.bias.empty() ? nullptr : layer.bias.value->flat().data() + direction * 2 * rows_),
      peepholes_(layer.peepholes.empty() ? nullptr : layer.peepholes.value->flat().data() + direction * 3 * hidden_),
      functions_(layer.functions.data() + static_cast<std::size_t>(direction) * layer.functions_per_direction()),
      at_(buffers.at) {
  const std::int64_t samples = x.shape[0] * n_;
  buffers.of_input.resize(static_cast<std::size_t>(samples * rows_));
  buffers.of_state.resize(static_cast<std::size_t>(n_ * rows_));
  of_input_ = buffers.of_input.data();
  of_state_ = buffers.of_state.data();
  // What the source gives needs no state: one product of all steps, which reads the weights once.
  const T* weights = layer.weights.value->flat().data() + direction * rows_ * input_;
  multiply<T>({x.elements.data(), samples, input_, input_}, {weights, rows_, input_, input_}, Factors::transposed_rhs,
              of_input_, rows_);
  if (bias_ != nullptr) add_to_rows(of_input_, samples, rows_, rows_, bias_);
}

template <class T>
void RecurrentCell<T>::step(const T* before, T* cell, T* after) {
  const bool resets_first = layer_.cell == RecurrentKind::gru && !layer_.linear_before_reset;
  const std::int64_t products = resets_first ? 2 * hidden_ : rows_;
  multiply<T>({before, n_, hidden_, hidden_}, {recurrent_, products, hidden_, hidden_}, Factors::transposed_rhs,
              of_state_, rows_);
  if (bias_ != nullptr) add_to_rows(of_state_, n_, products, rows_, bias_ + rows_);
  switch (layer_.cell) {
    case RecurrentKind::lstm: return step_lstm(cell, after);
    case RecurrentKind::gru: return step_gru(before, after);
    case RecurrentKind::rnn: return step_rnn(after);
  }
}

template <class T>
void RecurrentCell<T>::step_lstm(T* cell, T* after) const {
  const auto peephole = [&](std::int64_t k, std::int64_t j) {
    return peepholes_ == nullptr ? T{0} : peepholes_[k * hidden_ + j];
  };
  for (std::int64_t row = 0; row < n_; ++row) {
    if (has_ended(row)) continue;
    for (std::int64_t j = 0; j < hidden_; ++j) {
      T& c = cell[row * hidden_ + j];
      const T i = apply(0, gate(row, 0, j) + peephole(0, j) * c);
      const T f = layer_.couple_input_forget ? T{1} - i : apply(0, gate(row, 2, j) + peephole(2, j) * c);
      c = f * c + i * apply(1, gate(row, 3, j));
      const T o = apply(0, gate(row, 1, j) + peephole(1, j) * c);
      after[row * hidden_ + j] = o * apply(2, c);
    }
  }
}

template <class T>
void RecurrentCell<T>::step_gru(const T* state, T* after) {
  const std::int64_t candidate = 2 * hidden_;
  if (!layer_.linear_before_reset) {
    T* reset = after;  // r ⊙ state, before `after` takes the result
    for (std::int64_t row = 0; row < n_; ++row) {
      if (has_ended(row)) continue;
      for (std::int64_t j = 0; j < hidden_; ++j)
        reset[row * hidden_ + j] = apply(0, gate(row, 1, j)) * state[row * hidden_ + j];
    }
    multiply<T>({reset, n_, hidden_, hidden_}, {recurrent_ + candidate * hidden_, hidden_, hidden_, hidden_},
                Factors::transposed_rhs, of_state_ + candidate, rows_);
    if (bias_ != nullptr) add_to_rows(of_state_ + candidate, n_, hidden_, rows_, bias_ + rows_ + candidate);
  }
  for (std::int64_t row = 0; row < n_; ++row) {
    if (has_ended(row)) continue;
    for (std::int64_t j = 0; j < hidden_; ++j) {
      const T z = apply(0, gate(row, 0, j));
      const T r = layer_.linear_before_reset ? apply(0, gate(row, 1, j)) : T{1};
      const T h = apply(1, of_input_[row_of(row) * rows_ + candidate + j] + r * of_state_[row * rows_ + candidate + j]);
      after[row * hidden_ + j] = (T{1} - z) * h + z * state[row * hidden_ + j];
    }
  }
}

template <class T>
void RecurrentCell<T>::step_rnn(T* after) const {
  for (std::int64_t row = 0; row < n_; ++row) {
    if (has_ended(row)) continue;
    for (std::int64_t j = 0; j < hidden_; ++j) after[row * hidden_ + j] = apply(0, gate(row, 0, j));
  }
}

template <class T>
void read_lengths(std::span<const T> given, std::int64_t steps, std::vector<std::int64_t>& lengths) {
  lengths.clear();
  for (const T length : given) {
    if (!(length >= T{0} && length <= static_cast<T>(steps)) || length != std::floor(length)) {
      throw Error("the length " + std::to_string(length) + " of sequence " + std::to_string(lengths.size()),
                  "is no whole number of 0 to " + std::to_string(steps));
    }
    lengths.push_back(static_cast<std::int64_t>(length));
  }
}

template <class T>
void run(const Recurrent<T>& layer, std::span<const Source<T>> src, const Result<T>& dst,
         RecurrentBuffers<T>& buffers) {
  const std::int64_t steps = src[0].shape[0], n = src[0].shape[1], hidden = layer.hidden();
  const std::int64_t directions = layer.directions();
  const std::int64_t state_size = n * hidden;
  const std::size_t states = layer.states(src.size());
  const auto start_from = [&](std::vector<T>& state, std::size_t source, std::int64_t direction) {
    state.assign(static_cast<std::size_t>(state_size), T{0});
    if (source <= states) std::copy_n(src[source].elements.data() + direction * state_size, state_size, state.data());
  };
  buffers.lengths.assign(static_cast<std::size_t>(n), steps);
  if (layer.with_lengths) read_lengths<T>(src.back().elements, steps, buffers.lengths);
  buffers.at.assign(static_cast<std::size_t>(n), 0);
  buffers.next.assign(static_cast<std::size_t>(state_size), T{0});
  if (layer.with_lengths) std::fill(dst.elements.begin(), dst.elements.end(), T{0});
  const auto place = [&](std::int64_t step, std::int64_t direction) {
    return dst.elements.data() + (step * directions + direction) * state_size;
  };
  for (std::int64_t direction = 0; direction < directions; ++direction) {
    const bool backwards = direction == 1 || layer.direction == RecurrentDirection::reverse;
    RecurrentCell<T> one(layer, direction, src[0], buffers);
    start_from(buffers.state, 1, direction);
    start_from(buffers.cell, 2, direction);
    for (std::int64_t step = 0; step < steps; ++step) {
      for (std::size_t sample = 0; sample < buffers.at.size(); ++sample) {
        const std::int64_t length = buffers.lengths[sample];
        buffers.at[sample] = step >= length ? -1 : backwards ? length - 1 - step : step;
      }
      one.step(buffers.state.data(), buffers.cell.data(), buffers.next.data());
      for (std::int64_t sample = 0; sample < n; ++sample) {
        const std::int64_t at = buffers.at[static_cast<std::size_t>(sample)];
        if (at < 0) continue;
        std::copy_n(buffers.next.data() + sample * hidden, hidden, place(at, direction) + sample * hidden);
        std::copy_n(buffers.next.data() + sample * hidden, hidden, buffers.state.data() + sample * hidden);
      }
    }
    std::int64_t row = steps;
    if (layer.with_hidden_state) std::copy(buffers.state.begin(), buffers.state.end(), place(row++, direction));
    if (layer.with_cell_state) std::copy(buffers.cell.begin(), buffers.cell.end(), place(row, direction));
  }
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const Recurrent<float>& layer, std::span<const Source<float>> src, const Result<float>& dst,
                  RecurrentBuffers<float>& buffers);
template void run(const Recurrent<double>& layer, std::span<const Source<double>> src, const Result<double>& dst,
                  RecurrentBuffers<double>& buffers);
template void read_lengths(std::span<const float> given, std::int64_t steps, std::vector<std::int64_t>& lengths);
template void read_lengths(std::span<const double> given, std::int64_t steps, std::vector<std::int64_t>& lengths);
template class RecurrentCell<float>;
template class RecurrentCell<double>;
}  // namespace fulcrum::kernels
#endif

#endif
