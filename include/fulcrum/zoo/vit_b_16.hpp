#pragma once
/// \file
/// The vision transformer ViT-B/16 for images of 224×224 pixels.

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// (N, 3, 224, 224) → (N, 1000) class scores: 196 patches of 16×16 pixels and a class token through twelve encoder
/// layers of 768 features and twelve heads (Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021; layers as in
/// torchvision's vit_b_16, with the projections of queries, keys and values as three dense layers).
/// 86,567,656 parameters (330 MiB in f32); 17.56 G multiply-adds per image.
template <class T>
[[nodiscard]] Model<T> vit_b_16(std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <fulcrum/zoo/detail/transformer.hpp>

namespace fulcrum {

template <class T>
Model<T> vit_b_16(std::uint64_t seed) {
  ModelBuilder<T> b("vit_b_16", seed, WeightInit::he_uniform);
  b.input({3, 224, 224});
  return detail::vision_transformer(b, 768, 12).build();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> vit_b_16(std::uint64_t seed);
template Model<double> vit_b_16(std::uint64_t seed);
}  // namespace fulcrum
#endif

#endif
