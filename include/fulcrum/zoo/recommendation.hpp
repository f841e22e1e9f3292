#pragma once
/// \file
/// A recommendation model with embeddings and pairwise interactions.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// Features (N, 13) and indices (N, 26) of categories → (N, 1) probability of a click: a perceptron over the features
/// (512, 256, 64, 16), a row of 16 out of a table for each category, the products of all pairs of these 27 vectors, and
/// a perceptron over both (512, 256, 1) (Naumov et al., "Deep Learning Recommendation Model for Personalization and
/// Recommendation Systems", 2019; sizes of DLRM's setting for the Criteo Kaggle data with at most 10,000 rows a table).
/// 2,394,209 learned parameters, 1,918,224 of them in the tables; 0.5 M multiply-adds per sample.
template <class T>
[[nodiscard]] Model<T> recommendation(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <span>
#include <vector>

#include <fulcrum/model/builder.hpp>

namespace fulcrum {

template <class T>
Model<T> recommendation(std::uint64_t seed) {
  constexpr std::int64_t width = 16;
  ModelBuilder<T> b("recommendation", seed, WeightInit::he_uniform);
  const NodeId features = b.input({13}, "features").last();
  const NodeId categories = b.input({26}, "categories", ElementType::s64).last();
  b.from(features);
  for (const std::int64_t outputs : {512, 256, 64}) b.dense(outputs).relu();
  const NodeId bottom = b.dense(width).relu().last();

  std::vector<NodeId> vectors;
  std::int64_t column = 0;
  for (const std::int64_t rows : {1460,  583,   10000, 10000, 305,  24, 10000, 633, 3,  10000, 5683, 10000, 3194, 27,
                                  10000, 10000, 10,    5652,  2173, 4,  10000, 18,  15, 10000, 105,  10000}) {
    vectors.push_back(b.from(categories).slice(1, column, column + 1).embedding(rows, width).last());
    ++column;
  }
  const NodeId stacked = b.from(bottom).reshape({0, 1, width}).concat(vectors).last();      // (N, 27, 16)
  const NodeId products = b.matmul(stacked, {.transpose_weights = true}).flatten().last();  // (N, 729)
  const std::int64_t count = column + 1;
  std::vector<T> below;  // the diagonal
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t j = 0; j < i; ++j) below.push_back(static_cast<T>(i * count + j));
  }
  const NodeId pairs =
      b.constant(Tensor<T>({static_cast<std::int64_t>(below.size())}, std::span<const T>(below)), ElementType::s64)
          .last();
  const NodeId interactions = b.layer(Gather{1}, {products, pairs}).last();  // (N, 351)
  b.from(bottom).concat({interactions});
  for (const std::int64_t outputs : {512, 256}) b.dense(outputs).relu();
  return b.dense(1).sigmoid().named("probability").build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> recommendation(std::uint64_t seed);
template Model<double> recommendation(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
