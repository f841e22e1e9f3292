#include <fulcrum/calibrate/fit_sparse_costs.hpp>

#include <cmath>
#include <numeric>

#include <fulcrum/calibrate/detail/sparse_pair.hpp>
#include <fulcrum/run/run_config_json.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/schedule/sparse.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// Costs of a machine that is twice as slow, and half of that slower again in sparse products.
SparseCosts of_another_machine(SparseKind kind, int threads) {
  SparseCosts costs = default_sparse_costs(kind, threads);
  for (double& factor : costs.dense) factor *= 2.0;
  for (double& factor : costs.sparse) factor *= 3.0;
  return costs;
}

double total_us(const SparseTerms& factors, const SparseTerms& terms) {
  return std::inner_product(factors.begin(), factors.end(), terms.begin(), 0.0);
}

/// Pairs as such a machine would time them, with an error of `noise` either way.
std::vector<SparsePair> pairs_of_machine(int count, int threads, double noise) {
  Random random(5);
  std::vector<SparsePair> pairs;
  for (int i = 0; i < count; ++i) {
    SparsePair pair{detail::draw_sparse_layer(random), threads, 0.0, random.uniform(0.1, 0.5), 0.0};
    const SparseCosts costs = of_another_machine(sparse_kind(pair.geometry), threads);
    const SparseTermsPair terms = sparse_terms(pair.geometry, pair.density, threads);
    pair.dense_us = total_us(costs.dense, terms.dense) * std::exp(random.uniform(-noise, noise));
    pair.sparse_us = total_us(costs.sparse, terms.sparse) * std::exp(random.uniform(-noise, noise));
    pairs.push_back(pair);
  }
  return pairs;
}

}  // namespace

TEST_CASE("what products cost on a machine is learnt from pairs, well enough to say where they break even") {
  for (const double noise : {0.0, 0.1}) {
    std::vector<SparsePair> pairs = pairs_of_machine(150, 2, noise);
    for (std::size_t i = 7; i < pairs.size(); i += 20) pairs[i].sparse_us *= 20.0;  // interrupted
    const std::vector<SparseCosts> fitted = fit_sparse_costs(pairs);
    REQUIRE(fitted.size() == all_sparse_kinds.size());
    Random random(9);
    int near = 0;
    constexpr int layers = 40;
    for (int i = 0; i < layers; ++i) {
      const StepGeometry g = detail::draw_sparse_layer(random);
      const std::vector<SparseCosts> truth{of_another_machine(sparse_kind(g), 2)};
      near += std::abs(break_even_sparsity(g, 2, fitted) - break_even_sparsity(g, 2, truth)) < 0.04 ? 1 : 0;
    }
    CHECK(near >= layers * 9 / 10);
  }
}

TEST_CASE("few pairs teach nothing, and kinds are learnt apart") {
  CHECK(fit_sparse_costs({}).empty());
  CHECK(fit_sparse_costs(pairs_of_machine(7, 1, 0.0)).empty());
  for (const SparseCosts& costs : fit_sparse_costs(pairs_of_machine(60, 1, 0.0))) {
    CHECK(costs.threads == 1);
    for (const double factor : costs.dense) CHECK(factor >= 0.0);
    for (const double factor : costs.sparse) CHECK(factor >= 0.0);
  }
}

TEST_CASE("what no pair has much of is not made up from what pairs are off by") {
  for (const int threads : {1, 2}) {
    std::vector<SparsePair> small;  // all within the caches
    for (const SparsePair& pair : pairs_of_machine(1200, threads, 0.3)) {
      if (4 * pair.geometry.ic * pair.geometry.oc * pair.geometry.kh * pair.geometry.kw <= 256 << 10)
        small.push_back(pair);
    }
    REQUIRE(small.size() >= 100);
    for (const SparseCosts& costs : fit_sparse_costs(small)) {
      INFO(name_of(costs.kind) << " on " << threads);
      CHECK(run_config_from_json(JsonReader(to_json(RunConfig{.algorithms = {.sparse_costs = {costs}}})))
                .algorithms.sparse_costs.size() == 1);
      StepGeometry g{.ic = 2048, .oc = 2048};
      if (costs.kind == SparseKind::rows) g.n = 512;
      if (costs.kind == SparseKind::pointwise || costs.kind == SparseKind::windows) g.ih = g.iw = g.oh = g.ow = 56;
      if (costs.kind == SparseKind::windows) g.kh = g.kw = 3;
      REQUIRE(sparse_kind(g) == costs.kind);
      const std::vector<SparseCosts> truth{of_another_machine(costs.kind, threads)};
      const std::vector<SparseCosts> fitted{costs};
      const double ratio = sparse_time_ratio(g, 0.1, threads, fitted) / sparse_time_ratio(g, 0.1, threads, truth);
      CHECK(ratio > 0.4);
      CHECK(ratio < 2.5);
    }
  }
}
