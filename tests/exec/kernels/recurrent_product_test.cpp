#include <fulcrum/exec/kernels/recurrent_product.hpp>

#include <array>
#include <cmath>
#include <vector>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

constexpr std::array all_weights{RecurrentWeights::f32, RecurrentWeights::s24, RecurrentWeights::bf16,
                                 RecurrentWeights::s8};

/// Weights that s8 holds exactly at a scale of 1/64, and bf16 as well.
Tensor<float> coarse(const Shape& shape) {
  Tensor<float> weights = test::random_tensor<float>(shape, 1, -127.0, 127.0);
  for (float& w : weights.flat()) w = std::nearbyint(w) / 64.0F;
  return weights;
}

/// The worst difference of all of a layer's sums from those of doubles.
double difference(RecurrentPanels panels, RecurrentProduct product, int samples) {
  const std::int64_t rows = panels.gates * panels.hidden;
  const Tensor<float> weights = coarse({panels.directions, rows, panels.hidden});
  std::vector<float> scales(static_cast<std::size_t>(panels.directions * rows), 1.0F / 64.0F);
  std::vector<std::byte> packed(static_cast<std::size_t>(panels.bytes()));
  if (panels.weights == RecurrentWeights::s8) {
    std::vector<std::int8_t> integers;
    for (const float w : weights.flat()) integers.push_back(static_cast<std::int8_t>(w * 64.0F));
    pack_recurrent_weights(panels, integers, packed.data());
  } else {
    scales = recurrent_scales(panels, weights.flat());
    pack_recurrent_weights(panels, weights.flat(), scales, packed.data());
  }
  const Tensor<float> states = test::random_tensor<float>({samples, panels.hidden}, 2);
  std::array<const float*, recurrent_samples> pointers{};
  for (int s = 0; s < samples; ++s) pointers[static_cast<std::size_t>(s)] = states.flat().data() + s * panels.hidden;
  double worst = 0.0;
  const int gates = static_cast<int>(panels.gates);
  for (std::int64_t direction = 0; direction < panels.directions; ++direction) {
    for (std::int64_t block = 0; block < panels.blocks(); ++block) {
      std::vector<float> sums(static_cast<std::size_t>(samples * gates * recurrent_units), NAN);
      product(panels, packed.data() + panels.panel_at(direction, block, 0), gates, pointers.data(), samples,
              sums.data());
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const auto at = static_cast<std::int64_t>(i);
        const std::int64_t unit = block * recurrent_units + at % recurrent_units;
        const std::int64_t gate = at / recurrent_units % gates, sample = at / recurrent_units / gates;
        const std::int64_t row = gate * panels.hidden + unit;
        double expected = 0.0, scale = 1.0;
        if (unit < panels.hidden) {
          scale = scales[static_cast<std::size_t>(direction * rows + row)];
          for (std::int64_t k = 0; k < panels.hidden; ++k)
            expected += static_cast<double>(weights.at(direction, row, k)) * static_cast<double>(states.at(sample, k));
        }
        worst = std::max(worst, std::abs(static_cast<double>(sums[i]) * scale - expected));
      }
    }
  }
  return worst;
}

template <class Isa>
void check_all() {
  const auto product_of = [](RecurrentWeights weights) -> RecurrentProduct {
    switch (weights) {
      case RecurrentWeights::f32: return &sum_recurrent_panels<Isa, RecurrentWeights::f32>;
      case RecurrentWeights::s24: return &sum_recurrent_panels<Isa, RecurrentWeights::s24>;
      case RecurrentWeights::bf16: return &sum_recurrent_panels<Isa, RecurrentWeights::bf16>;
      case RecurrentWeights::s8: break;
    }
    return &sum_recurrent_panels<Isa, RecurrentWeights::s8>;
  };
  for (const RecurrentWeights weights : all_weights) {
    for (const std::int64_t gates : {1, 2, 3, 4}) {
      for (const std::int64_t hidden : {1, 15, 16, 37}) {
        for (const int samples : {1, 3, 4}) {
          INFO(static_cast<int>(weights) << ", gates " << gates << ", hidden " << hidden << ", samples " << samples);
          CHECK(difference({weights, 2, gates, hidden}, product_of(weights), samples) < 1e-4);
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("panels give the sums of the weights that they hold, for any instruction set") {
  check_all<RecurrentAnywhere>();
#if defined(__x86_64__)
  if (has_recurrent_avx2()) check_all<RecurrentAvx2>();
  if (has_recurrent_avx512()) check_all<RecurrentAvx512>();
#endif
}

TEST_CASE("24 bits of a row's largest weight hold it to 2^-24 of that") {
  const RecurrentPanels panels{RecurrentWeights::s24, 1, 1, 64};
  const Tensor<float> weights = test::random_tensor<float>({1, 64, 64}, 3);
  const std::vector<float> scales = recurrent_scales(panels, weights.flat());
  std::vector<std::byte> packed(static_cast<std::size_t>(panels.bytes()));
  pack_recurrent_weights(panels, weights.flat(), scales, packed.data());
  for (std::int64_t row = 0; row < 64; ++row) {
    const std::byte* panel = packed.data() + panels.panel_at(0, row / recurrent_units, 0);
    for (std::int64_t k = 0; k < 64; ++k) {
      const float q =
          RecurrentAnywhere::element<RecurrentWeights::s24>(panel, k, static_cast<int>(row % recurrent_units));
      const double w = static_cast<double>(q) * static_cast<double>(scales[static_cast<std::size_t>(row)]);
      REQUIRE(std::abs(w - static_cast<double>(weights.at(0, row, k))) <= std::ldexp(1.01, -24));
    }
  }
}
