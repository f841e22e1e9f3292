#include <fulcrum/exec/kernels/recurrent_gates.hpp>

#include <array>
#include <cmath>
#include <limits>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

/// What an RNN of one function makes of 16 sums.
std::array<float, recurrent_units> run(RecurrentGateFunction function, ActivationKind kind,
                                       std::array<float, recurrent_units> sums) {
  const Activation activation{kind};
  std::array<float, recurrent_units> zeros{}, ones{}, result{};
  ones.fill(1.0F);
  RecurrentGates gates;
  gates.cell = RecurrentKind::rnn;
  gates.functions = &activation;
  gates.of_input = zeros.data();
  gates.sums = sums.data();
  gates.scales = ones.data();
  gates.before = zeros.data();
  gates.after = result.data();
  function(gates, 0);
  return result;
}

/// The worst relative error, over a range and its ends.
void check(RecurrentGateFunction function) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  double worst = 0.0;
  for (int i = -40000; i < 40000; ++i) {
    const float x = static_cast<float>(i) * 0.0007F;
    const double y = static_cast<double>(x);
    std::array<float, recurrent_units> sums{};
    sums.fill(x);
    const double sigmoid = 1.0 / (1.0 + std::exp(-y));
    worst = std::max(worst, std::abs(run(function, ActivationKind::sigmoid, sums)[5] / sigmoid - 1.0));
    if (i != 0) worst = std::max(worst, std::abs(run(function, ActivationKind::tanh, sums)[15] / std::tanh(y) - 1.0));
  }
  CHECK(worst < 2.5e-7);
  const std::array<float, recurrent_units> ends{0.0F, infinity, -infinity, NAN, 1e30F, -1e30F, 1e-30F, -200.0F};
  const auto sigmoid = run(function, ActivationKind::sigmoid, ends);
  CHECK(sigmoid[0] == 0.5F);
  CHECK(sigmoid[1] == 1.0F);
  CHECK(sigmoid[2] < 1e-37F);
  CHECK(std::isnan(sigmoid[3]));
  CHECK(sigmoid[4] == 1.0F);
  CHECK(sigmoid[7] < 1e-37F);
  const auto tanh = run(function, ActivationKind::tanh, ends);
  CHECK(tanh[0] == 0.0F);
  CHECK(tanh[1] == 1.0F);
  CHECK(tanh[2] == -1.0F);
  CHECK(std::isnan(tanh[3]));
  CHECK(tanh[5] == -1.0F);
  CHECK(tanh[6] == 1e-30F);
}

}  // namespace

TEST_CASE("gates' functions are as exact as the library's, for any instruction set") {
  check(&recurrent_gates_anywhere);
#if defined(__x86_64__)
  if (has_recurrent_avx2()) check(&recurrent_gates_avx2);
  if (has_recurrent_avx512()) check(&recurrent_gates_avx512);
#endif
}
