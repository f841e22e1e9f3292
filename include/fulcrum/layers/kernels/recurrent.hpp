#pragma once
/// \file
/// Recurrent: the formulas of ONNX's LSTM, GRU and RNN, step by step.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <Eigen/Core>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/kernels/view.hpp>
#include <fulcrum/layers/recurrent.hpp>
#include <fulcrum/tensor/matrix_view.hpp>

namespace fulcrum::kernels {

/// What the steps of a recurrent layer hold in between. Whoever keeps it over several runs spares them the heap.
template <class T>
struct RecurrentBuffers {
  Matrix<T> of_input;          ///< (steps · n, gates · hidden)
  Matrix<T> of_state;          ///< (n, gates · hidden)
  std::vector<T> first, cell;  ///< (n, hidden)
};

/// One direction of a recurrent layer.
template <class T>
class RecurrentCell {
public:
  using Map = Eigen::Map<const Matrix<T>>;

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
    return of_input_(first_row_ + row, k * hidden_ + j) + of_state_(row, k * hidden_ + j);
  }

  void step_lstm(T* cell, T* after) const;

  void step_gru(const Map& state, T* after);

  void step_rnn(T* after) const;

  const Recurrent<T>& layer_;
  std::int64_t n_, hidden_, rows_, input_;
  Map weights_, recurrent_;
  const T* bias_;
  const T* peepholes_;
  const Activation* functions_;
  Matrix<T>&of_input_, &of_state_;
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

namespace fulcrum::kernels {

template <class T>
RecurrentCell<T>::RecurrentCell(const Recurrent<T>& layer, std::int64_t direction, const Source<T>& x,
                                RecurrentBuffers<T>& buffers)
    : layer_(layer),
      n_(x.shape[1]),
      hidden_(layer.hidden()),
      rows_(gates_of(layer.cell) * hidden_),
      input_(layer.weights.value->dim(2)),
      weights_(layer.weights.value->flat().data() + direction * rows_ * input_, rows_, input_),
      recurrent_(layer.recurrent_weights.value->flat().data() + direction * rows_ * hidden_, rows_, hidden_),
      bias_(layer.bias.empty() ? nullptr : layer.bias.value->flat().data() + direction * 2 * rows_),
      peepholes_(layer.peepholes.empty() ? nullptr : layer.peepholes.value->flat().data() + direction * 3 * hidden_),
      functions_(layer.functions.data() + static_cast<std::size_t>(direction) * layer.functions_per_direction()),
      of_input_(buffers.of_input),
      of_state_(buffers.of_state) {
  const std::int64_t samples = x.shape[0] * n_;
  of_input_.resize(samples, rows_);
  of_state_.resize(n_, rows_);
  // What the source gives needs no state: one product of all steps, which reads the weights once.
  of_input_.noalias() = Map(x.elements.data(), samples, input_) * weights_.transpose();
  if (bias_ != nullptr) of_input_.rowwise() += Map(bias_, 1, rows_).row(0);
}

template <class T>
void RecurrentCell<T>::step(std::int64_t at, const T* before, T* cell, T* after) {
  first_row_ = at * n_;
  const Map state(before, n_, hidden_);
  const bool resets_first = layer_.cell == RecurrentKind::gru && !layer_.linear_before_reset;
  const std::int64_t products = resets_first ? 2 * hidden_ : rows_;
  of_state_.leftCols(products).noalias() = state * recurrent_.topRows(products).transpose();
  if (bias_ != nullptr) of_state_.leftCols(products).rowwise() += Map(bias_ + rows_, 1, products).row(0);
  switch (layer_.cell) {
    case RecurrentKind::lstm: return step_lstm(cell, after);
    case RecurrentKind::gru: return step_gru(state, after);
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
void RecurrentCell<T>::step_gru(const Map& state, T* after) {
  const std::int64_t candidate = 2 * hidden_;
  if (!layer_.linear_before_reset) {
    Eigen::Map<Matrix<T>> reset(after, n_, hidden_);  // r ⊙ state, before `after` takes the result
    for (std::int64_t row = 0; row < n_; ++row) {
      for (std::int64_t j = 0; j < hidden_; ++j) reset(row, j) = apply(0, gate(row, 1, j)) * state(row, j);
    }
    of_state_.rightCols(hidden_).noalias() = reset * recurrent_.bottomRows(hidden_).transpose();
    if (bias_ != nullptr) of_state_.rightCols(hidden_).rowwise() += Map(bias_ + rows_ + candidate, 1, hidden_).row(0);
  }
  for (std::int64_t row = 0; row < n_; ++row) {
    for (std::int64_t j = 0; j < hidden_; ++j) {
      const T z = apply(0, gate(row, 0, j));
      const T r = layer_.linear_before_reset ? apply(0, gate(row, 1, j)) : T{1};
      const T h = apply(1, of_input_(first_row_ + row, candidate + j) + r * of_state_(row, candidate + j));
      after[row * hidden_ + j] = (T{1} - z) * h + z * state(row, j);
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
