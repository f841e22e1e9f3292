#pragma once
/// \file
/// Element-wise functions of one argument (ONNX Relu, Sigmoid, …; oneDNN eltwise).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>

#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// The function. Formulas as in ONNX; α and β are Activation::alpha and ::beta.
enum class ActivationKind : std::uint8_t {
  relu,          ///< max(x, 0)
  leaky_relu,    ///< x < 0 ? α·x : x
  clip,          ///< min(max(x, α), β); ReLU6 is clip with α = 0, β = 6
  sigmoid,       ///< 1 / (1 + e^−x)
  tanh,          ///< tanh x
  elu,           ///< x < 0 ? α·(e^x − 1) : x
  hard_sigmoid,  ///< min(max(α·x + β, 0), 1)
  hard_swish,    ///< x · min(max(x/6 + ½, 0), 1)
  swish,         ///< x / (1 + e^−αx)   (SiLU with α = 1)
  softplus,      ///< ln(1 + e^x)
  gelu,          ///< x · ½(1 + erf(x/√2))
  gelu_tanh,     ///< ½x(1 + tanh(√(2/π)(x + 0.044715 x³)))
};

[[nodiscard]] constexpr std::string_view name_of(ActivationKind kind) noexcept {
  switch (kind) {
    case ActivationKind::relu: return "Relu";
    case ActivationKind::leaky_relu: return "LeakyRelu";
    case ActivationKind::clip: return "Clip";
    case ActivationKind::sigmoid: return "Sigmoid";
    case ActivationKind::tanh: return "Tanh";
    case ActivationKind::elu: return "Elu";
    case ActivationKind::hard_sigmoid: return "HardSigmoid";
    case ActivationKind::hard_swish: return "HardSwish";
    case ActivationKind::swish: return "Swish";
    case ActivationKind::softplus: return "Softplus";
    case ActivationKind::gelu: return "Gelu";
    case ActivationKind::gelu_tanh: return "GeluTanh";
  }
  return "?";
}

/// src (any shape) → dst of the same shape. Work: 1 FLOP per element (the convention of the counters people compare
/// with).
struct Activation {
  ActivationKind function = ActivationKind::relu;
  float alpha = 0.0F;
  float beta = 0.0F;

  static constexpr std::string_view kind = "Activation";

  [[nodiscard]] Shape dst_shape(std::span<const Shape> src) const {
    detail::expect_sources(src, 1, "Activation");
    return src[0];
  }
  [[nodiscard]] Work work(std::span<const Shape> src, const Shape& dst) const {
    return detail::elementwise_work(src, dst, 1.0);
  }

  /// The function's value: the definition that executors are held to.
  template <class T>
  [[nodiscard]] T operator()(T x) const {
    const T a = static_cast<T>(alpha);
    const T b = static_cast<T>(beta);
    const T zero{0};
    const T one{1};
    switch (function) {
      case ActivationKind::relu: return std::max(x, zero);
      case ActivationKind::leaky_relu: return x < zero ? a * x : x;
      case ActivationKind::clip: return std::min(std::max(x, a), b);
      case ActivationKind::sigmoid: return one / (one + std::exp(-x));
      case ActivationKind::tanh: return std::tanh(x);
      case ActivationKind::elu: return x < zero ? a * std::expm1(x) : x;
      case ActivationKind::hard_sigmoid: return std::min(std::max(a * x + b, zero), one);
      case ActivationKind::hard_swish: return x * std::min(std::max(x / T{6} + T{0.5}, zero), one);
      case ActivationKind::swish: return x / (one + std::exp(-a * x));
      case ActivationKind::softplus: return x > zero ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
      case ActivationKind::gelu: return x * T{0.5} * (one + std::erf(x / std::numbers::sqrt2_v<T>));
      case ActivationKind::gelu_tanh:
        return T{0.5} * x *
               (one +
                std::tanh(std::sqrt(T{2} * std::numbers::inv_pi_v<T>) * (x + static_cast<T>(0.044715) * x * x * x)));
    }
    return x;
  }

  friend bool operator==(const Activation&, const Activation&) = default;
};

}  // namespace fulcrum
