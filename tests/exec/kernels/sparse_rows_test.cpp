#include <fulcrum/exec/kernels/sparse_rows.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

/// Rows by weights of which every third is not 0, against the sums written out.
void expect_products(std::int64_t rows, std::int64_t ic, std::int64_t oc, int threads, bool adds) {
  Random random(static_cast<std::uint64_t>(ic * 1000 + oc));
  const auto numbers = [&](std::int64_t count) {
    std::vector<float> result(static_cast<std::size_t>(count));
    for (float& x : result) x = static_cast<float>(random.uniform(-1.0, 1.0));
    return result;
  };
  std::vector<float> weights = numbers(oc * ic);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (i % 3 != 0) weights[i] = 0.0F;
  }
  const std::vector<float> src = numbers(rows * ic), bias = numbers(oc);
  std::vector<float> dst = numbers(rows * oc);
  const std::vector<float> before = dst;
  dst.push_back(-9.0F);
  GatherLayout layout = gather_layout(weights, oc, std::min<std::int64_t>(threads, oc));
  std::vector<std::byte> packed(static_cast<std::size_t>(std::max<std::int64_t>(layout.bytes(), 1)));
  pack_gathered_weights(layout, weights, packed.data());
  std::vector<std::byte> scratch(static_cast<std::size_t>(GatherFunction::scratch_bytes(rows, ic, threads)));
  constexpr float largest = std::numeric_limits<float>::infinity();
  const GatherFunction function(rows, std::move(layout), {adds, -largest, largest, {}}, threads);
  const std::array<void*, 5> pointers{const_cast<float*>(src.data()), packed.data(), const_cast<float*>(bias.data()),
                                      scratch.data(), dst.data()};
  function(pointers);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t c = 0; c < oc; ++c) {
      const auto at = static_cast<std::size_t>(row * oc + c);
      double sum =
          static_cast<double>(bias[static_cast<std::size_t>(c)]) + (adds ? static_cast<double>(before[at]) : 0);
      for (std::int64_t k = 0; k < ic; ++k)
        sum += static_cast<double>(weights[static_cast<std::size_t>(c * ic + k)]) *
               static_cast<double>(src[static_cast<std::size_t>(row * ic + k)]);
      INFO(rows << " rows, " << ic << " to " << oc << ": row " << row << ", channel " << c);
      REQUIRE(std::abs(static_cast<double>(dst[at]) - sum) < 1e-5 * (1.0 + static_cast<double>(ic)));
    }
  }
  CHECK(dst.back() == -9.0F);
}

}  // namespace

TEST_CASE("gathered products are the sums, for any number of channels around that of lanes") {
  for (const std::int64_t oc : {1, 15, 16, 17, 33}) {
    for (const std::int64_t ic : {1, 4, 5, 100}) {
      for (const int threads : {1, 3}) {
        expect_products(1, ic, oc, threads, false);
        expect_products(3, ic, oc, threads, true);
      }
    }
  }
}

TEST_CASE("places beyond 16 bits are gathered too") { expect_products(1, 70000, 17, 1, false); }

TEST_CASE("weights that are all 0 leave the bias") {
  const std::vector<float> weights(2 * 3, 0.0F);
  GatherLayout layout = gather_layout(weights, 2, 1);
  std::vector<std::byte> packed(static_cast<std::size_t>(std::max<std::int64_t>(layout.bytes(), 1)));
  pack_gathered_weights(layout, weights, packed.data());
  std::vector<float> src{1.0F, 2.0F, 3.0F}, bias{0.5F, -0.5F}, dst(2, 9.0F);
  std::vector<std::byte> scratch(static_cast<std::size_t>(GatherFunction::scratch_bytes(1, 3, 1)));
  const std::array<void*, 5> pointers{src.data(), packed.data(), bias.data(), scratch.data(), dst.data()};
  GatherFunction(1, std::move(layout), {false, 0.0F, 1.0F, {}}, 1)(pointers);
  CHECK(dst == std::vector<float>{0.5F, 0.0F});  // clamped to 0 … 1
}
