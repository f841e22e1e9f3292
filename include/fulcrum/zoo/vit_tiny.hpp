#pragma once
/// \file
/// The vision transformer ViT-Ti/16 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: vit_b_16 with 192 features and three heads (Touvron et al., "Training
/// data-efficient image transformers & distillation through attention", 2021; layers as in timm's
/// vit_tiny_patch16_224, with the projections of queries, keys and values as three dense layers).
/// 5,717,416 parameters; 1.254 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> vit_tiny(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/transformer.hpp>

namespace fulcrum {

template <class T>
Model<T> vit_tiny(std::uint64_t seed) {
  ModelBuilder<T> b("vit_tiny", seed, WeightInit::he_uniform);
  b.input({3, 224, 224});
  return detail::vision_transformer(b, 192, 3).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> vit_tiny(std::uint64_t seed);
template Model<double> vit_tiny(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
