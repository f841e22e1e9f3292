#pragma once
/// \file
/// The functions of a recurrent layer's gates, 16 hidden units at a time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <fulcrum/exec/kernels/recurrent_product.hpp>
#include <fulcrum/layers/activation.hpp>

namespace fulcrum::detail::onednn {

/// What the gates of 16 units of one sample are made of, and what they give.
struct RecurrentGates {
  RecurrentKind cell = RecurrentKind::lstm;
  bool linear_before_reset = false;
  bool couple_input_forget = false;
  float clip = 0.0F;                      ///< 0: none
  const Activation* functions = nullptr;  ///< of the direction

  const float* of_input = nullptr;    ///< (gates, 16), biases included but for state_bias
  const float* sums = nullptr;        ///< (gates, 16) of RecurrentProduct
  const float* scales = nullptr;      ///< (gates, 16) of the sums
  const float* peepholes = nullptr;   ///< (3, 16) for i, o, f; or null
  const float* state_bias = nullptr;  ///< (16) of a GRU's candidate that is reset after its product
  const float* before = nullptr;      ///< the state; as many units as count
  float* cell_state = nullptr;        ///< (16) of an LSTM
  float* update = nullptr;            ///< (16) of a GRU that is reset before its product: gate z between its two phases
  float* after = nullptr;             ///< the new state, or a GRU's state after the reset; as many units as count
  int count = recurrent_units;        ///< units that there are
};

/// \param phase  0; 1 is the second one of a GRU that is reset before its product: `of_input` and `scales` are the
///               candidate's, `sums` (1, 16)
using RecurrentGateFunction = void (*)(const RecurrentGates& gates, int phase);

/// For the CPU at hand.
[[nodiscard]] inline RecurrentGateFunction recurrent_gate_function();

/// Vectors of W elements, in the compiler's own terms: whatever the instruction set, the code is the same. (g++ 12
/// loses the attribute of what is declared with `using`.)
template <int W>
struct Lanes {
  typedef float Floats __attribute__((vector_size(4 * W)));       // NOLINT(modernize-use-using)
  typedef std::int32_t Ints __attribute__((vector_size(4 * W)));  // NOLINT(modernize-use-using)
};

/// Element-wise functions on 16 floats, in vectors of W.
template <int W>
struct GateVectors {
  using Floats = typename Lanes<W>::Floats;
  using Ints = typename Lanes<W>::Ints;

  [[gnu::always_inline]] static void load(const float* at, Floats& x) { std::memcpy(&x, at, sizeof x); }
  [[gnu::always_inline]] static void store(float* at, const Floats& x) { std::memcpy(at, &x, sizeof x); }
  [[gnu::always_inline]] static void choose(const Ints& mask, const Floats& a, const Floats& b, Floats& result) {
    result = reinterpret_cast<Floats>((mask & reinterpret_cast<Ints>(a)) | (~mask & reinterpret_cast<Ints>(b)));
  }

  /// e^x to within two units in the last place, of x in [−87, 88]: 2^n · e^r with |r| ≤ ln 2 / 2 (the polynomial is
  /// Cephes' expf). NaN stays one.
  [[gnu::always_inline]] static void exponential(Floats& x) {
    const Floats magic = Floats{} + 12582912.0F;  // 1.5 · 2^23: what is added to it is rounded to an integer
    Floats n = x * 1.44269504088896341F + magic;
    const Ints exponent = (reinterpret_cast<Ints>(n) - reinterpret_cast<Ints>(magic) + 127) << 23;
    n -= magic;
    const Floats r = (x - n * 0.693359375F) - n * -2.12194440e-4F;
    Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1.0F;
    x = p * reinterpret_cast<Floats>(exponent);
  }
  [[gnu::always_inline]] static void bound(Floats& x, float least, float most) {
    const Floats low = Floats{} + least, high = Floats{} + most;
    choose(x < low, low, x, x);
    choose(x > high, high, x, x);
  }

  [[gnu::always_inline]] static void sigmoid(float* at) {
#pragma GCC unroll 4
    for (int i = 0; i < recurrent_units; i += W) {
      Floats x;
      load(at + i, x);
      x = -x;
      bound(x, -87.0F, 88.0F);
      exponential(x);
      store(at + i, 1.0F / (x + 1.0F));
    }
  }
  /// Near 0 a polynomial (Cephes' tanhf), else 1 − 2 / (e^2|x| + 1).
  [[gnu::always_inline]] static void tanh(float* at) {
#pragma GCC unroll 4
    for (int i = 0; i < recurrent_units; i += W) {
      Floats x;
      load(at + i, x);
      const Floats magnitude = reinterpret_cast<Floats>(reinterpret_cast<Ints>(x) & 0x7fffffff);
      Floats e = magnitude + magnitude;
      bound(e, 0.0F, 40.0F);
      exponential(e);
      Floats far = 1.0F - 2.0F / (e + 1.0F);
      far = reinterpret_cast<Floats>(reinterpret_cast<Ints>(far) |
                                     (reinterpret_cast<Ints>(x) & static_cast<std::int32_t>(0x80000000U)));
      const Floats square = x * x;
      Floats p = square * -5.70498872745e-3F + 2.06390887954e-2F;
      p = p * square - 5.37397155531e-2F;
      p = p * square + 1.33314422036e-1F;
      p = p * square - 3.33332819422e-1F;
      const Floats near = p * square * x + x;
      Floats result;
      choose(magnitude < Floats{} + 0.625F, near, far, result);
      store(at + i, result);
    }
  }
  [[gnu::always_inline]] static void apply(const RecurrentGates& g, const Activation& function, float* at) {
    if (g.clip > 0.0F) {
      for (int i = 0; i < recurrent_units; ++i) at[i] = std::min(std::max(at[i], -g.clip), g.clip);
    }
    if (function.function == ActivationKind::sigmoid) return sigmoid(at);
    if (function.function == ActivationKind::tanh) return tanh(at);
    for (int i = 0; i < recurrent_units; ++i) at[i] = function(at[i]);
  }
  /// What gate k's function takes, without peepholes.
  [[gnu::always_inline]] static void total(const RecurrentGates& g, int k, float* to) {
    const int at = k * recurrent_units;
    for (int i = 0; i < recurrent_units; ++i) to[i] = g.of_input[at + i] + g.sums[at + i] * g.scales[at + i];
  }
  [[gnu::always_inline]] static void add_peephole(const RecurrentGates& g, int k, float* to) {
    if (g.peepholes == nullptr) return;
    for (int i = 0; i < recurrent_units; ++i) to[i] += g.peepholes[k * recurrent_units + i] * g.cell_state[i];
  }
  [[gnu::always_inline]] static void write(const RecurrentGates& g, const float* state) {
    if (g.count == recurrent_units)
      std::memcpy(g.after, state, recurrent_units * sizeof(float));
    else
      std::memcpy(g.after, state, static_cast<std::size_t>(g.count) * sizeof(float));
  }

  [[gnu::always_inline]] static void lstm(const RecurrentGates& g) {
    alignas(64) float i[recurrent_units], o[recurrent_units], f[recurrent_units], c[recurrent_units];
    total(g, 0, i);
    add_peephole(g, 0, i);
    apply(g, g.functions[0], i);
    if (g.couple_input_forget) {
      for (int u = 0; u < recurrent_units; ++u) f[u] = 1.0F - i[u];
    } else {
      total(g, 2, f);
      add_peephole(g, 2, f);
      apply(g, g.functions[0], f);
    }
    total(g, 3, c);
    apply(g, g.functions[1], c);
    for (int u = 0; u < recurrent_units; ++u) g.cell_state[u] = f[u] * g.cell_state[u] + i[u] * c[u];
    total(g, 1, o);
    add_peephole(g, 1, o);
    apply(g, g.functions[0], o);
    std::memcpy(c, g.cell_state, sizeof c);
    apply(g, g.functions[2], c);
    for (int u = 0; u < recurrent_units; ++u) o[u] *= c[u];
    write(g, o);
  }
  [[gnu::always_inline]] static void state_of(const RecurrentGates& g, float* state) {
    std::memset(state, 0, recurrent_units * sizeof(float));
    std::memcpy(state, g.before, static_cast<std::size_t>(g.count) * sizeof(float));
  }
  [[gnu::always_inline]] static void gru(const RecurrentGates& g, int phase) {
    alignas(64) float z[recurrent_units], r[recurrent_units], h[recurrent_units], state[recurrent_units];
    state_of(g, state);
    if (phase == 0) {
      total(g, 0, z);
      apply(g, g.functions[0], z);
      total(g, 1, r);
      apply(g, g.functions[0], r);
      if (!g.linear_before_reset) {
        std::memcpy(g.update, z, sizeof z);
        for (int u = 0; u < recurrent_units; ++u) r[u] *= state[u];
        return write(g, r);
      }
      constexpr int at = 2 * recurrent_units;
      for (int u = 0; u < recurrent_units; ++u)
        h[u] = g.of_input[at + u] + r[u] * (g.sums[at + u] * g.scales[at + u] + g.state_bias[u]);
    } else {
      std::memcpy(z, g.update, sizeof z);
      total(g, 0, h);
    }
    apply(g, g.functions[1], h);
    for (int u = 0; u < recurrent_units; ++u) h[u] = (1.0F - z[u]) * h[u] + z[u] * state[u];
    write(g, h);
  }
  [[gnu::always_inline]] static void run(const RecurrentGates& g, int phase) {
    if (g.cell == RecurrentKind::lstm) return lstm(g);
    if (g.cell == RecurrentKind::gru) return gru(g, phase);
    alignas(64) float h[recurrent_units];
    total(g, 0, h);
    apply(g, g.functions[0], h);
    write(g, h);
  }
};

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))) inline void recurrent_gates_avx512(
    const RecurrentGates& gates, int phase) {
  GateVectors<16>::run(gates, phase);
}
__attribute__((target("avx2,fma"))) inline void recurrent_gates_avx2(const RecurrentGates& gates, int phase) {
  GateVectors<8>::run(gates, phase);
}
#endif
inline void recurrent_gates_anywhere(const RecurrentGates& gates, int phase) { GateVectors<4>::run(gates, phase); }

inline RecurrentGateFunction recurrent_gate_function() {
#if defined(__x86_64__)
  if (has_recurrent_avx512()) return &recurrent_gates_avx512;
  if (has_recurrent_avx2()) return &recurrent_gates_avx2;
#endif
  return &recurrent_gates_anywhere;
}

}  // namespace fulcrum::detail::onednn
