#pragma once
/// \file
/// The networks that can be had by name ("zoo:fashion_cnn" for the tool).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// One network of the zoo.
struct ZooEntry {
  std::string_view name;
  std::string_view description;
  Model<float> (*build)(std::uint64_t seed);  ///< with seeded, untrained weights
};

/// Every network of the zoo.
FULCRUM_DECLARE [[nodiscard]] std::span<const ZooEntry> zoo_entries();

FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> zoo_names();

/// A network with untrained weights.
/// \param seed  of the weights: the same seed gives the same model
/// \throws Error when the zoo has no such network; it lists those that are there
FULCRUM_DECLARE [[nodiscard]] Model<float> zoo_model(const std::string& name, std::uint64_t seed = 0);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <array>

#include <fulcrum/zoo/bert_base.hpp>
#include <fulcrum/zoo/convnext_tiny.hpp>
#include <fulcrum/zoo/densenet121.hpp>
#include <fulcrum/zoo/efficientnet_b0.hpp>
#include <fulcrum/zoo/fashion_cnn.hpp>
#include <fulcrum/zoo/fashion_cnn_wide.hpp>
#include <fulcrum/zoo/googlenet.hpp>
#include <fulcrum/zoo/m5.hpp>
#include <fulcrum/zoo/mlp.hpp>
#include <fulcrum/zoo/mnasnet1_0.hpp>
#include <fulcrum/zoo/mobilenet_v2.hpp>
#include <fulcrum/zoo/r3d_18_slim.hpp>
#include <fulcrum/zoo/recommendation.hpp>
#include <fulcrum/zoo/regnet_y_400mf.hpp>
#include <fulcrum/zoo/resnet18.hpp>
#include <fulcrum/zoo/resnet50.hpp>
#include <fulcrum/zoo/resnext50_32x4d.hpp>
#include <fulcrum/zoo/shufflenet_v2_x1_0.hpp>
#include <fulcrum/zoo/speech_lstm.hpp>
#include <fulcrum/zoo/squeezenet1_1.hpp>
#include <fulcrum/zoo/unet.hpp>
#include <fulcrum/zoo/vgg11.hpp>
#include <fulcrum/zoo/vit_b_16.hpp>
#include <fulcrum/zoo/vit_tiny.hpp>

namespace fulcrum {

// To add a network: write its header and its line here.
FULCRUM_DEFINE std::span<const ZooEntry> zoo_entries() {
  static constexpr std::array entries{
      ZooEntry{"fashion_cnn", "two convolutions and two dense layers for 28×28 grey images", &fashion_cnn<float>},
      ZooEntry{"fashion_cnn_wide", "fashion_cnn with twice the channels, for narrower networks to learn from",
               &fashion_cnn_wide<float>},
      ZooEntry{"mlp", "three dense layers for 28×28 grey images", &mlp<float>},
      ZooEntry{"resnet18", "residual network of 18 layers for images", &resnet18<float>},
      ZooEntry{"resnet50", "residual network of 50 layers for images", &resnet50<float>},
      ZooEntry{"mobilenet_v2", "depthwise convolutions for images on small devices", &mobilenet_v2<float>},
      ZooEntry{"squeezenet1_1", "few parameters for images, no dense layer", &squeezenet1_1<float>},
      ZooEntry{"vgg11", "plain convolutions and large dense layers for images", &vgg11<float>},
      ZooEntry{"densenet121", "layers that read all before them, for images", &densenet121<float>},
      ZooEntry{"efficientnet_b0", "depthwise convolutions with squeeze-and-excitation for images",
               &efficientnet_b0<float>},
      ZooEntry{"shufflenet_v2_x1_0", "two branches and shuffled channels, for images on small devices",
               &shufflenet_v2_x1_0<float>},
      ZooEntry{"mnasnet1_0", "depthwise convolutions of 3×3 and 5×5 for images on phones", &mnasnet1_0<float>},
      ZooEntry{"regnet_y_400mf", "grouped convolutions with squeeze-and-excitation for images", &regnet_y_400mf<float>},
      ZooEntry{"resnext50_32x4d", "residual network of 50 layers with 32 groups, for images", &resnext50_32x4d<float>},
      ZooEntry{"googlenet", "modules of four branches for images", &googlenet<float>},
      ZooEntry{"convnext_tiny", "depthwise 7×7 convolutions and layer normalization for images", &convnext_tiny<float>},
      ZooEntry{"unet", "down and up again, for a value per pixel of images", &unet<float>},
      ZooEntry{"r3d_18_slim", "residual network of 18 layers with 3-D convolutions, for clips",
               [](std::uint64_t seed) { return r3d_18_slim<float>(seed); }},
      ZooEntry{"m5", "1-D convolutions for words in sound", &m5<float>},
      ZooEntry{"vit_tiny", "small transformer over patches of images", &vit_tiny<float>},
      ZooEntry{"vit_b_16", "transformer over patches of images", &vit_b_16<float>},
      ZooEntry{"bert_base", "transformer encoder for text of 128 tokens",
               [](std::uint64_t seed) { return bert_base<float>(seed); }},
      ZooEntry{"speech_lstm", "dense layers and an LSTM for speech",
               [](std::uint64_t seed) { return speech_lstm<float>(seed); }},
      ZooEntry{"recommendation", "embeddings and perceptrons for click prediction", &recommendation<float>},
  };
  return entries;
}

FULCRUM_DEFINE std::vector<std::string> zoo_names() {
  std::vector<std::string> names;
  for (const ZooEntry& entry : zoo_entries()) names.emplace_back(entry.name);
  return names;
}

FULCRUM_DEFINE Model<float> zoo_model(const std::string& name, std::uint64_t seed) {
  std::string known;
  for (const ZooEntry& entry : zoo_entries()) {
    if (entry.name == name) return entry.build(seed);
    known.append(known.empty() ? "" : ", ").append(entry.name);
  }
  throw Error("zoo:" + name, "is not in the zoo", "the zoo has: " + known);
}

}  // namespace fulcrum

#endif
