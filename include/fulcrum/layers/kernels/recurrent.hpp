#pragma once
/// \file
/// Recurrent: the formulas of ONNX's LSTM, GRU and RNN, step by step.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/recurrent.hpp>

namespace fulcrum::kernels {

/// What the steps of a recurrent layer hold in between. Whoever keeps it over several runs spares them the heap.
template <class T>
struct RecurrentBuffers {
  std::vector<T> of_input;     ///< (steps · n, gates · hidden)
  std::vector<T> of_state;     ///< (n, gates · hidden)
  std::vector<T> first, cell;  ///< (n, hidden)
};

/// One direction of a recurrent layer.
template <class T>
class RecurrentCell {
public:
  /// \param x  (steps, n, input)
  RecurrentCell(const Recurrent<T>& layer, std::int64_t direction, const Source<T>& x, RecurrentBuffers<T>& buffers);

  /// The hidden state (n, hidden) after a step of the source, from the one before; `cell` (n, hidden) of an LSTM is
  /// updated.
  void step(std::int64_t at, const T* before, T* cell, T* after);

private:
  /// Function k of the direction, of a bounded argument.
  [[nodiscard]] T apply(std::size_t k, T x) const {
    const T clip = static_cast<T>(layer_.clip);
    return functions_[k](clip > T{0} ? std::clamp(x, -clip, clip) : x);
  }
  /// What a gate's function takes, without peepholes.
  [[nodiscard]] T gate(std::int64_t row, std::int64_t k, std::int64_t j) const {
    return of_input_[(first_row_ + row) * rows_ + k * hidden_ + j] + of_state_[row * rows_ + k * hidden_ + j];
  }

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
  std::int64_t first_row_ = 0;  // of the step in of_input_
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
      functions_(layer.functions.data() + static_cast<std::size_t>(direction) * layer.functions_per_direction()) {
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
void RecurrentCell<T>::step(std::int64_t at, const T* before, T* cell, T* after) {
  first_row_ = at * n_;
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
      for (std::int64_t j = 0; j < hidden_; ++j)
        reset[row * hidden_ + j] = apply(0, gate(row, 1, j)) * state[row * hidden_ + j];
    }
    multiply<T>({reset, n_, hidden_, hidden_}, {recurrent_ + candidate * hidden_, hidden_, hidden_, hidden_},
                Factors::transposed_rhs, of_state_ + candidate, rows_);
    if (bias_ != nullptr) add_to_rows(of_state_ + candidate, n_, hidden_, rows_, bias_ + rows_ + candidate);
  }
  for (std::int64_t row = 0; row < n_; ++row) {
    for (std::int64_t j = 0; j < hidden_; ++j) {
      const T z = apply(0, gate(row, 0, j));
      const T r = layer_.linear_before_reset ? apply(0, gate(row, 1, j)) : T{1};
      const T h =
          apply(1, of_input_[(first_row_ + row) * rows_ + candidate + j] + r * of_state_[row * rows_ + candidate + j]);
      after[row * hidden_ + j] = (T{1} - z) * h + z * state[row * hidden_ + j];
    }
  }
}

template <class T>
void RecurrentCell<T>::step_rnn(T* after) const {
  for (std::int64_t row = 0; row < n_; ++row) {
    for (std::int64_t j = 0; j < hidden_; ++j) after[row * hidden_ + j] = apply(0, gate(row, 0, j));
  }
}

template <class T>
void run(const Recurrent<T>& layer, std::span<const Source<T>> src, const Result<T>& dst,
         RecurrentBuffers<T>& buffers) {
  const std::int64_t steps = src[0].shape[0], n = src[0].shape[1];
  const std::int64_t directions = layer.directions();
  const std::int64_t state_size = n * layer.hidden();
  const auto start_from = [&](std::vector<T>& state, std::size_t source, std::int64_t direction) {
    state.assign(static_cast<std::size_t>(state_size), T{0});
    if (source < src.size())
      std::copy_n(src[source].elements.data() + direction * state_size, state_size, state.data());
  };
  for (std::int64_t direction = 0; direction < directions; ++direction) {
    const bool backwards = direction == 1 || layer.direction == RecurrentDirection::reverse;
    RecurrentCell<T> one(layer, direction, src[0], buffers);
    start_from(buffers.first, 1, direction);
    start_from(buffers.cell, 2, direction);
    const T* before = buffers.first.data();
    for (std::int64_t step = 0; step < steps; ++step) {
      const std::int64_t at = backwards ? steps - 1 - step : step;
      T* after = dst.elements.data() + (at * directions + direction) * state_size;
      one.step(at, before, buffers.cell.data(), after);
      before = after;
    }
    if (layer.with_cell_state)
      std::copy(buffers.cell.begin(), buffers.cell.end(),
                dst.elements.data() + (steps * directions + direction) * state_size);
  }
}

}  // namespace fulcrum::kernels

#if FULCRUM_INSTANTIATES(kernels)
namespace fulcrum::kernels {
template void run(const Recurrent<float>& layer, std::span<const Source<float>> src, const Result<float>& dst,
                  RecurrentBuffers<float>& buffers);
template void run(const Recurrent<double>& layer, std::span<const Source<double>> src, const Result<double>& dst,
                  RecurrentBuffers<double>& buffers);
template class RecurrentCell<float>;
template class RecurrentCell<double>;
}  // namespace fulcrum::kernels
#endif

#endif
