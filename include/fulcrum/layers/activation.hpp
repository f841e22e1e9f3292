#pragma once
/// \file
/// Element-wise functions of one argument (ONNX Relu, Sigmoid, …; oneDNN eltwise).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/layers/facts.hpp>
#include <fulcrum/layers/work.hpp>

namespace fulcrum {

/// The function. Formulas as in ONNX; α and β are Activation::alpha and ::beta. NaN gives NaN but where a
/// formula says what holds otherwise (thresholded_relu, shrink, logical_not).
enum class ActivationKind : std::uint8_t {
  relu,              ///< max(x, 0)
  leaky_relu,        ///< x < 0 ? α·x : x
  clip,              ///< min(max(x, α), β); ReLU6 is clip with α = 0, β = 6
  sigmoid,           ///< 1 / (1 + e^−x)
  tanh,              ///< tanh x
  elu,               ///< x < 0 ? α·(e^x − 1) : x
  hard_sigmoid,      ///< min(max(α·x + β, 0), 1)
  hard_swish,        ///< x · min(max(x/6 + ½, 0), 1)
  swish,             ///< x / (1 + e^−αx)   (SiLU with α = 1)
  softplus,          ///< ln(1 + e^x)
  gelu,              ///< x · ½(1 + erf(x/√2))
  gelu_tanh,         ///< ½x(1 + tanh(√(2/π)(x + 0.044715 x³)))
  selu,              ///< β·(x > 0 ? x : α·(e^x − 1))
  celu,              ///< x < 0 ? α·(e^(x/α) − 1) : x
  softsign,          ///< x / (1 + |x|)
  mish,              ///< x · tanh(ln(1 + e^x))
  thresholded_relu,  ///< x > α ? x : 0
  shrink,            ///< x < −α ? x + β : x > α ? x − β : 0
  abs,               ///< |x|
  neg,               ///< −x
  exp,               ///< e^x
  log,               ///< ln x
  sqrt,              ///< √x
  reciprocal,        ///< 1 / x
  erf,               ///< error function
  floor,             ///< ⌊x⌋
  ceil,              ///< ⌈x⌉
  round,             ///< nearest, ties to even
  sign,              ///< −1, 0 or 1
  sin,               ///< sin x
  cos,               ///< cos x
  tan,               ///< tan x
  asin,              ///< arcsin x
  acos,              ///< arccos x
  atan,              ///< arctan x
  sinh,              ///< sinh x
  cosh,              ///< cosh x
  asinh,             ///< arsinh x
  acosh,             ///< arcosh x
  atanh,             ///< artanh x
  logical_not,       ///< x = 0 ? 1 : 0
  linear,            ///< α·x + β
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
    case ActivationKind::selu: return "Selu";
    case ActivationKind::celu: return "Celu";
    case ActivationKind::softsign: return "Softsign";
    case ActivationKind::mish: return "Mish";
    case ActivationKind::thresholded_relu: return "ThresholdedRelu";
    case ActivationKind::shrink: return "Shrink";
    case ActivationKind::abs: return "Abs";
    case ActivationKind::neg: return "Neg";
    case ActivationKind::exp: return "Exp";
    case ActivationKind::log: return "Log";
    case ActivationKind::sqrt: return "Sqrt";
    case ActivationKind::reciprocal: return "Reciprocal";
    case ActivationKind::erf: return "Erf";
    case ActivationKind::floor: return "Floor";
    case ActivationKind::ceil: return "Ceil";
    case ActivationKind::round: return "Round";
    case ActivationKind::sign: return "Sign";
    case ActivationKind::sin: return "Sin";
    case ActivationKind::cos: return "Cos";
    case ActivationKind::tan: return "Tan";
    case ActivationKind::asin: return "Asin";
    case ActivationKind::acos: return "Acos";
    case ActivationKind::atan: return "Atan";
    case ActivationKind::sinh: return "Sinh";
    case ActivationKind::cosh: return "Cosh";
    case ActivationKind::asinh: return "Asinh";
    case ActivationKind::acosh: return "Acosh";
    case ActivationKind::atanh: return "Atanh";
    case ActivationKind::logical_not: return "Not";
    case ActivationKind::linear: return "Linear";
  }
  return "?";
}

/// Whether engines run the function on the result of another layer before it is stored. (Not Softplus: below −15 what
/// oneDNN gives for it is 0, and below −16 a negative number.)
[[nodiscard]] constexpr bool runs_as_post_operation(ActivationKind function) noexcept {
  switch (function) {
    case ActivationKind::relu:
    case ActivationKind::leaky_relu:
    case ActivationKind::clip:
    case ActivationKind::sigmoid:
    case ActivationKind::tanh:
    case ActivationKind::elu:
    case ActivationKind::hard_sigmoid:
    case ActivationKind::hard_swish:
    case ActivationKind::swish:
    case ActivationKind::gelu:
    case ActivationKind::gelu_tanh:
    case ActivationKind::linear: return true;
    default: return false;
  }
}

/// Whether kernels of engines give a number for NaN: their maxima and minima are those of x86, which take the other
/// argument then.
[[nodiscard]] constexpr bool loses_nan(ActivationKind function) noexcept {
  return function == ActivationKind::relu || function == ActivationKind::clip ||
         function == ActivationKind::hard_sigmoid;
}

/// src (any shape) → dst of the same shape. Work: 1 FLOP per element (the convention of the counters people compare
/// with).
struct Activation {
  ActivationKind function = ActivationKind::relu;
  float alpha = 0.0F;
  float beta = 0.0F;

  static constexpr std::string_view kind = "Activation";

  [[nodiscard]] constexpr LayerFacts facts() const noexcept {
    return {.needs_f32 = !runs_as_post_operation(function),
            .integers = function == ActivationKind::relu ? IntegerUse::passes : IntegerUse::none};
  }
  [[nodiscard]] ElementType dst_element(std::span<const ElementType> src) const {
    return function == ActivationKind::logical_not ? ElementType::boolean : src.empty() ? ElementType::f32 : src[0];
  }

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
      case ActivationKind::relu: return x < zero ? zero : x;
      case ActivationKind::leaky_relu: return x < zero ? a * x : x;
      case ActivationKind::clip: return clipped(x, a, b);
      case ActivationKind::sigmoid: return one / (one + std::exp(-x));
      case ActivationKind::tanh: return std::tanh(x);
      case ActivationKind::elu: return x < zero ? a * std::expm1(x) : x;
      case ActivationKind::hard_sigmoid: return clipped(a * x + b, zero, one);
      case ActivationKind::hard_swish: return x * clipped(x / T{6} + T{0.5}, zero, one);
      case ActivationKind::swish: return x / (one + std::exp(-a * x));
      case ActivationKind::softplus: return x > zero ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
      case ActivationKind::gelu: return x * T{0.5} * (one + std::erf(x / std::numbers::sqrt2_v<T>));
      case ActivationKind::gelu_tanh:
        return T{0.5} * x *
               (one +
                std::tanh(std::sqrt(T{2} * std::numbers::inv_pi_v<T>) * (x + static_cast<T>(0.044715) * x * x * x)));
      case ActivationKind::selu: return b * (x > zero ? x : a * std::expm1(x));
      case ActivationKind::celu: return x < zero ? a * std::expm1(x / a) : x;
      case ActivationKind::softsign: return x / (one + std::abs(x));
      case ActivationKind::mish:
        return x * std::tanh(x > zero ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)));
      case ActivationKind::thresholded_relu: return x > a ? x : zero;
      case ActivationKind::shrink: return x < -a ? x + b : x > a ? x - b : zero;
      case ActivationKind::abs: return std::abs(x);
      case ActivationKind::neg: return -x;
      case ActivationKind::exp: return std::exp(x);
      case ActivationKind::log: return std::log(x);
      case ActivationKind::sqrt: return std::sqrt(x);
      case ActivationKind::reciprocal: return one / x;
      case ActivationKind::erf: return std::erf(x);
      case ActivationKind::floor: return std::floor(x);
      case ActivationKind::ceil: return std::ceil(x);
      case ActivationKind::round: return std::nearbyint(x);
      case ActivationKind::sign: return std::isnan(x) ? x : static_cast<T>((x > zero) - (x < zero));
      case ActivationKind::sin: return std::sin(x);
      case ActivationKind::cos: return std::cos(x);
      case ActivationKind::tan: return std::tan(x);
      case ActivationKind::asin: return std::asin(x);
      case ActivationKind::acos: return std::acos(x);
      case ActivationKind::atan: return std::atan(x);
      case ActivationKind::sinh: return std::sinh(x);
      case ActivationKind::cosh: return std::cosh(x);
      case ActivationKind::asinh: return std::asinh(x);
      case ActivationKind::acosh: return std::acosh(x);
      case ActivationKind::atanh: return std::atanh(x);
      case ActivationKind::logical_not: return x == zero ? one : zero;
      case ActivationKind::linear: return a * x + b;
    }
    return x;
  }

  friend bool operator==(const Activation&, const Activation&) = default;

private:
  /// min(max(x, least), most); NaN for NaN
  template <class T>
  [[nodiscard]] static T clipped(T x, T least, T most) {
    const T above = x < least ? least : x;
    return above > most ? most : above;
  }
};

}  // namespace fulcrum
