#include <fulcrum/exec/kernels/packed_product.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include <support/catch.hpp>
#include <support/random_nbits.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

namespace {

struct Problem {
  MatMulNBits layer;
  std::int64_t rows = 1;
  std::vector<float> src, bias, before;
};

Problem random_problem(Random& random) {
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random.below(n)); };
  Problem p;
  const int bits = 2 << below(3);
  const std::int64_t oc = 1 + below(200), ic = 1 + below(300);
  const std::int64_t block = below(2) == 0 ? 8 * (1 + below(20)) : std::int64_t{16} << below(4);
  p.layer = test::random_nbits(random, oc, ic, bits, block, random.below(2) == 0, false);
  p.rows = random.below(4) == 0 ? 1 + below(220) : 1 + below(8);
  const auto draw = [&](std::vector<float>& to, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) to.push_back(static_cast<float>(random.uniform(-1.0, 1.0)));
  };
  draw(p.src, p.rows * ic);
  draw(p.bias, oc);
  draw(p.before, p.rows * oc);
  return p;
}

std::vector<PackedIsa> isas() {
  std::vector<PackedIsa> all;
  for (const PackedIsa isa : {PackedIsa::anywhere, PackedIsa::avx2, PackedIsa::avx512}) {
    if (isa <= packed_isa()) all.push_back(isa);
  }
  return all;
}

/// \param fixed  rows in fixed point where the CPU has kernels for them
std::vector<float> run(Problem& p, PackedIsa isa, int threads, std::vector<PackedOperation> tail, bool fixed = false) {
  const PackedPanels panels = packed_panels(p.layer);
  std::vector<std::byte> weights(static_cast<std::size_t>(panels.bytes()));
  pack_weights(panels, p.layer, weights.data());
  std::vector<std::byte> scratch(static_cast<std::size_t>(PackedFunction::scratch_bytes(p.rows, panels, threads)));
  std::vector<float> dst = p.before;
  const PackedFunction function(p.rows, panels, std::move(tail), threads,
                                panels.bits == 4 ? packed_kernels_of<4>(isa) : packed_kernels_of<8>(isa),
                                fixed ? fixed_kernels(panels.bits) : FixedKernels{});
  void* pointers[] = {p.src.data(), weights.data(), p.bias.data(), scratch.data(), dst.data()};
  function(pointers);
  return dst;
}

/// The sums with their bias, and the largest of them.
std::pair<std::vector<double>, double> sums(const Problem& p) {
  const Tensor<float> weights = p.layer.dequantized();
  const auto oc = static_cast<std::size_t>(p.layer.oc()), ic = static_cast<std::size_t>(p.layer.ic);
  std::vector<double> result;
  double largest = 0.0;
  for (std::size_t row = 0; row < static_cast<std::size_t>(p.rows); ++row) {
    for (std::size_t o = 0; o < oc; ++o) {
      double sum = static_cast<double>(p.bias[o]);
      for (std::size_t i = 0; i < ic; ++i)
        sum += static_cast<double>(weights.flat()[o * ic + i]) * static_cast<double>(p.src[row * ic + i]);
      largest = std::max(largest, std::abs(sum));
      result.push_back(sum);
    }
  }
  return {result, largest};
}

}  // namespace

TEST_CASE("packed weights of any shape, block and zero points give the sums of the real ones") {
  Random random(17);
  for (int i = 0; i < 150; ++i) {
    Problem p = random_problem(random);
    INFO(p.layer.oc() << "×" << p.layer.ic << ", " << p.layer.bits << " bits in blocks of " << p.layer.block << ", "
                      << p.rows << " rows" << (p.layer.zero_points.empty() ? "" : ", zero points"));
    const auto [expected, largest] = sums(p);
    const int threads = 1 + static_cast<int>(random.below(3));
    for (const PackedIsa isa : isas()) {
      for (const bool fixed : {false, true}) {
        const std::vector<float> dst = run(p, isa, threads, {}, fixed);
        double difference = 0.0;
        for (std::size_t k = 0; k < dst.size(); ++k)
          difference = std::max(difference, std::abs(static_cast<double>(dst[k]) - expected[k]));
        CHECK(difference <= 2e-6 * largest);
      }
    }
  }
}

TEST_CASE("a row in fixed point is off by next to nothing of the largest of each 32 elements") {
  const FixedKernels kernels = fixed_kernels(4);
  if (kernels.sums.empty()) return;
  Random random(6);
  const FixedRows form{75, 32};
  std::vector<float> src(75);
  for (float& x : src) x = static_cast<float>(random.uniform(-1.0, 1.0) * std::exp(random.uniform(-8.0, 8.0)));
  std::vector<std::byte> fixed(static_cast<std::size_t>(form.row_bytes()));
  REQUIRE(kernels.fix(form, src.data(), 8, fixed.data()));
  for (std::int64_t first = 0; first < 75; first += 32) {
    const std::int64_t last = std::min<std::int64_t>(75, first + 32);
    const std::byte* head = fixed.data() + 3 * form.plane() + first / 32 * 16;
    float scale = 0.0F, largest = 0.0F;
    std::memcpy(&scale, head, sizeof scale);
    std::array<std::int32_t, 3> sums{};
    for (std::int64_t i = first; i < last; ++i) largest = std::max(largest, std::abs(src[static_cast<std::size_t>(i)]));
    for (std::int64_t i = first; i < last; ++i) {
      double value = 0.0;
      for (std::int64_t d = 0; d < 3; ++d) {
        std::int8_t byte = 0;
        std::memcpy(&byte, fixed.data() + d * form.plane() + i, 1);
        sums[static_cast<std::size_t>(d)] += byte;
        value += byte * std::exp2(8.0 * static_cast<double>(d));
      }
      const double off =
          std::abs(value * static_cast<double>(scale) - static_cast<double>(src[static_cast<std::size_t>(i)]));
      CHECK(off <= static_cast<double>(largest) * std::exp2(-22.0));
    }
    for (std::size_t d = 0; d < 3; ++d) {
      std::int32_t start = 0;
      std::memcpy(&start, head + 4 * (d + 1), sizeof start);
      CHECK(start == -8 * sums[d]);
    }
  }
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    src[70] = bad;
    CHECK_FALSE(kernels.fix(form, src.data(), 8, fixed.data()));
  }
}

TEST_CASE("functions and a sum with what was there run on the results in their order") {
  Random random(5);
  const Activation relu{ActivationKind::relu};
  const PackedOperation function{relu, run_on_sums(relu.function)};
  for (int i = 0; i < 20; ++i) {
    Problem p = random_problem(random);
    const auto expected = sums(p).first;
    for (const PackedIsa isa : isas()) {
      const std::vector<float> after = run(p, isa, 2, {PackedOperation{}, function});
      const std::vector<float> before = run(p, isa, 2, {function, PackedOperation{}});
      for (std::size_t k = 0; k < expected.size(); ++k) {
        const auto there = static_cast<double>(p.before[k]);
        CHECK(static_cast<double>(after[k]) == Approx(std::max(expected[k] + there, 0.0)).margin(1e-4));
        CHECK(static_cast<double>(before[k]) == Approx(std::max(expected[k], 0.0) + there).margin(1e-4));
      }
    }
  }
}

TEST_CASE("a NaN reaches every result of its row and no other") {
  Random random(9);
  for (const std::int64_t rows : {2, 9}) {
    for (const bool zeros : {false, true}) {
      Problem p;
      p.layer = test::random_nbits(random, 70, 50, 4, 16, zeros, false);
      p.rows = rows;
      p.src.assign(static_cast<std::size_t>(rows * 50), 0.5F);
      p.src[50 + 49] = std::numeric_limits<float>::quiet_NaN();
      p.bias.assign(70, 0.0F);
      p.before.assign(static_cast<std::size_t>(rows * 70), 0.0F);
      for (const PackedIsa isa : isas()) {
        const std::vector<float> dst = run(p, isa, 1, {}, true);
        for (std::size_t k = 0; k < dst.size(); ++k) CHECK(std::isnan(dst[k]) == (k / 70 == 1));
      }
    }
  }
}

TEST_CASE("a panel holds scales and words, and off-middle zero points where there are some") {
  Random random(2);
  const MatMulNBits even = test::random_nbits(random, 64, 64, 4, 32, false, false);
  CHECK(packed_panels(even).bytes() == 64 * 64 / 2 + 64 * 2 * 4);
  const MatMulNBits odd = test::random_nbits(random, 65, 33, 8, 32, true, false);
  CHECK(packed_panels(odd).zeros);
  CHECK(packed_panels(odd).bytes() == 2 * (2 * 64 * 5 + 64 * (32 + 4)));
}
