#include <fulcrum/exec/kernels/gelu.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;
using fulcrum::detail::onednn::run_on_sums;

namespace {

double exact(ActivationKind kind, double x) {
  if (kind == ActivationKind::gelu) return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0)));
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / 3.14159265358979) * (x + 0.044715 * x * x * x)));
}

}  // namespace

TEST_CASE("Gelu in vectors is exact to 1e-6 of its argument, in vectors and behind them") {
  for (const ActivationKind kind : {ActivationKind::gelu, ActivationKind::gelu_tanh}) {
    const auto run = run_on_sums(kind);
    for (const std::size_t count : {0U, 1U, 7U, 8U, 9U, 17U, 2001U}) {
      std::vector<float> src(count + 1), dst(count + 1, -5.0F);
      for (std::size_t i = 0; i <= count; ++i)
        src[i] = count < 100 ? static_cast<float>(i) * 0.7F - 3.0F : static_cast<float>(i) * 0.01F - 10.0F;
      run(Activation{kind}, src.data(), dst.data(), static_cast<std::int64_t>(count));
      for (std::size_t i = 0; i < count; ++i) {
        INFO(src[i]);
        CHECK(std::abs(static_cast<double>(dst[i]) - exact(kind, static_cast<double>(src[i]))) <=
              1e-6 * std::max(1.0F, std::abs(src[i])));
      }
      CHECK(dst[count] == -5.0F);
    }
  }
}

TEST_CASE("Gelu of a NaN is NaN, of large numbers they themselves or next to nothing") {
  for (const ActivationKind kind : {ActivationKind::gelu, ActivationKind::gelu_tanh}) {
    std::vector<float> x(9, std::numeric_limits<float>::quiet_NaN());  // eight at once, and one behind
    run_on_sums(kind)(Activation{kind}, x.data(), x.data(), 9);
    for (const float y : x) CHECK(std::isnan(y));
    x.assign(9, 80.0F);
    run_on_sums(kind)(Activation{kind}, x.data(), x.data(), 9);
    for (const float y : x) CHECK(y == 80.0F);
    x.assign(9, -80.0F);
    run_on_sums(kind)(Activation{kind}, x.data(), x.data(), 9);
    for (const float y : x) CHECK(std::abs(y) < 1e-30F);
  }
}
