#pragma once
/// \file
/// Recurrent layers (ONNX LSTM, GRU, RNN).

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/layers/activation.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/parameter.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

enum class RecurrentKind : std::uint8_t { lstm, gru, rnn };
enum class RecurrentDirection : std::uint8_t { forward, reverse, bidirectional };

[[nodiscard]] constexpr std::string_view name_of(RecurrentKind kind) noexcept {
  return kind == RecurrentKind::lstm ? "LSTM" : kind == RecurrentKind::gru ? "GRU" : "RNN";
}
/// Blocks of rows in the weights: i, o, f, c of an LSTM; z, r, h of a GRU; one of an RNN.
[[nodiscard]] constexpr std::int64_t gates_of(RecurrentKind kind) noexcept {
  return kind == RecurrentKind::lstm ? 4 : kind == RecurrentKind::gru ? 3 : 1;
}

/// A cell stepped along a sequence, with the formulas and the gate order of ONNX's LSTM, GRU and RNN.
///
/// src: x (steps, n, input), then optionally the first hidden state (directions, n, hidden), and of an LSTM the first
/// cell state (directions, n, hidden); states that are not given are 0. With `with_lengths`, at last how many steps
/// each sample has (n), whole numbers of 0 … steps: its other steps do not count, a reverse direction begins at its
/// last. dst (steps, directions, n, hidden): the hidden state after each step, 0 where a sample has none; with
/// `with_hidden_state` one row more, the hidden state after each sample's last step, and with `with_cell_state` another
/// one, the cell state of an LSTM after it. Where all samples have all steps, the last hidden state is row steps − 1 of
/// a forward direction, row 0 of a reverse one.
/// Work: 2 · steps · directions · n · gates · hidden · (input + hidden) FLOP, and 8 more per gate and element.
template <class T>
struct Recurrent {
  static constexpr std::string_view kind = "Recurrent";
  [[nodiscard]] static constexpr LayerFacts facts() noexcept { return {.is_product = true, .needs_f32 = false}; }

  RecurrentKind cell = RecurrentKind::lstm;
  RecurrentDirection direction = RecurrentDirection::forward;
  Parameter<T> weights;               ///< (directions, gates · hidden, input)
  Parameter<T> recurrent_weights;     ///< (directions, gates · hidden, hidden)
  Parameter<T> bias;                  ///< (directions, 2 · gates · hidden): of the input, then of the state; or empty
  Parameter<T> peepholes;             ///< LSTM: (directions, 3 · hidden) for i, o, f; or empty
  std::vector<Activation> functions;  ///< f, (g, (h)) of each direction: 3 for an LSTM, 2 for a GRU, 1 for an RNN
  float clip = 0.0F;                  ///< bounds what enters the functions to [−clip, clip]; 0: does not
  bool linear_before_reset = false;   ///< GRU: multiplies by the reset gate after the recurrent product
  bool couple_input_forget = false;   ///< LSTM: f = 1 − i
  bool with_cell_state = false;       ///< LSTM
  bool with_hidden_state = false;
  bool with_lengths = false;  ///< the last source is the steps of each sample

  [[nodiscard]] std::int64_t directions() const noexcept {
    return direction == RecurrentDirection::bidirectional ? 2 : 1;
  }
  [[nodiscard]] std::int64_t hidden() const { return recurrent_weights.value->dim(2); }
  /// Sources that are first states, of as many as there are.
  [[nodiscard]] std::size_t states(std::size_t sources) const noexcept { return sources - 1 - (with_lengths ? 1 : 0); }
  /// As many functions a direction has.
  [[nodiscard]] std::size_t functions_per_direction() const noexcept {
    return cell == RecurrentKind::lstm ? 3 : cell == RecurrentKind::gru ? 2 : 1;
  }

  /// \throws Error when sources, weights and settings do not fit each other
  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const;

  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const;

  friend bool operator==(const Recurrent&, const Recurrent&) = default;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(layers)

#include <array>
#include <string>

namespace fulcrum {

template <class T>
Shape Recurrent<T>::dst_shape(std::span<const Shape> src) const {
  const std::string where(name_of(cell));
  const std::size_t least = with_lengths ? 2 : 1;
  const std::size_t most = least + (cell == RecurrentKind::lstm ? 2 : 1);
  if (src.size() < least || src.size() > most) {
    throw Error(where, "takes " + std::to_string(least) + " to " + std::to_string(most) + " sources but has " +
                           std::to_string(src.size()));
  }
  if (weights.empty() || recurrent_weights.empty()) throw Error(where, "has no weights");
  if (src[0].size() != 3) throw Error(where, "takes a source (steps, n, input) but was given " + to_string(src[0]));
  const Shape r = recurrent_weights.value->dims();
  if (r.size() != 3 || r[0] != directions() || r[2] < 1 || r[1] != gates_of(cell) * r[2]) {
    throw Error(where,
                "has recurrent weights " + to_string(r) + " for " + std::to_string(directions()) + " direction(s)");
  }
  const std::int64_t size = r[2];
  if (weights.value->dims() != Shape{directions(), r[1], src[0][2]}) {
    throw Error(where, "has weights " + to_string(weights.value->dims()) + " for a source " + to_string(src[0]));
  }
  if (!bias.empty() && bias.value->dims() != Shape{directions(), 2 * r[1]})
    throw Error(where, "has a bias " + to_string(bias.value->dims()) + ", not 2 × " + std::to_string(r[1]));
  if (!peepholes.empty() && (cell != RecurrentKind::lstm || peepholes.value->dims() != Shape{directions(), 3 * size}))
    throw Error(where, "has peepholes " + to_string(peepholes.value->dims()));
  if (functions.size() != functions_per_direction() * static_cast<std::size_t>(directions()))
    throw Error(where, "has " + std::to_string(functions.size()) + " functions");
  if (with_cell_state && cell != RecurrentKind::lstm) throw Error(where, "has no cell state");
  const Shape state{directions(), src[0][1], size};
  if (with_lengths && src.back() != Shape{src[0][1]})
    throw Error(where, "takes as many lengths as samples but was given " + to_string(src.back()));
  for (const Shape& given : src.subspan(1, states(src.size()))) {
    if (given != state)
      throw Error(where, "takes a first state " + to_string(state) + " but was given " + to_string(given));
  }
  return {src[0][0] + (with_hidden_state ? 1 : 0) + (with_cell_state ? 1 : 0), directions(), src[0][1], size};
}

template <class T>
Work Recurrent<T>::work(std::span<const Shape> src, const Shape& dst) const {
  const auto cells = static_cast<double>(element_count({src[0][0], directions(), src[0][1], hidden()}));
  const auto gates = static_cast<double>(gates_of(cell));
  return {cells * gates * (2.0 * static_cast<double>(src[0][2] + hidden()) + 8.0), detail::total_elements(src),
          weights.size() + recurrent_weights.size() + bias.size() + peepholes.size(), element_count(dst)};
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(layers)
namespace fulcrum {
template struct Recurrent<float>;
template struct Recurrent<double>;
}  // namespace fulcrum
#endif

#endif
