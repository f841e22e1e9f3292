// Three models of the kinds that are deployed, each in f32 and in int8, as ONNX files for `fulcrum plan`. Their weights
// are from a seed: speed does not depend on what they are, accuracy does, so that int8 is compared by its results
// alone.

#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>
#include <fulcrum/onnx.hpp>

using namespace fulcrum;

namespace {

/// zoo:recommendation with perceptrons of the size that large services have: 13 features and 26 categories → a
/// probability. A request reads 19 M weights.
Model<float> recommendation_large() {
  constexpr std::int64_t width = 64, categories_of = 26;
  ModelBuilder<float> b("recommendation_large", 1, WeightInit::he_uniform);
  const NodeId features = b.input({13}, "features").last();
  const NodeId categories = b.input({categories_of}, "categories", ElementType::s64).last();
  b.from(features);
  for (const std::int64_t outputs : {512, 256}) b.dense(outputs).relu();
  const NodeId bottom = b.dense(width).relu().last();
  std::vector<NodeId> vectors;
  for (std::int64_t column = 0; column < categories_of; ++column)
    vectors.push_back(b.from(categories).slice(1, column, column + 1).embedding(2000, width).last());
  const NodeId stacked = b.from(bottom).reshape({0, 1, width}).concat(vectors).last();
  const NodeId products = b.matmul(stacked, {.transpose_weights = true}).flatten().last();
  std::vector<float> below;  // each pair once
  for (std::int64_t i = 0; i <= categories_of; ++i) {
    for (std::int64_t j = 0; j < i; ++j) below.push_back(static_cast<float>(i * (categories_of + 1) + j));
  }
  const Shape count{static_cast<std::int64_t>(below.size())};
  const NodeId pairs = b.constant(Tensor<float>(count, std::span<const float>(below)), ElementType::s64).last();
  const NodeId interactions = b.layer(Gather{1}, {products, pairs}).last();
  b.from(bottom).concat({interactions});
  for (const std::int64_t outputs : {4096, 4096}) b.dense(outputs).relu();
  return b.dense(1).sigmoid().build();
}

/// U-Net for slices of 88×88 pixels, with batch normalization: a probability for each pixel.
Model<float> unet_small() {
  ModelBuilder<float> b("unet_small", 1, WeightInit::he_uniform);
  const auto level = [&](std::int64_t channels) {
    for (int i = 0; i < 2; ++i) b.conv(channels, 3, {.padding = 1}).batch_normalization().relu();
  };
  b.input({1, 88, 88});
  std::vector<NodeId> down;
  for (const std::int64_t channels : {32, 64, 128}) {
    level(channels);
    down.push_back(b.last());
    b.max_pool(2);
  }
  level(256);
  for (const std::int64_t channels : {128, 64, 32}) {
    b.conv_transpose(channels, 2, {.stride = {2, 2}}).concat({down.back()});
    down.pop_back();
    level(channels);
  }
  return b.conv(1, 1).sigmoid().build();
}

void write(const Model<float>& model, const std::filesystem::path& folder, const std::string& name) {
  export_onnx(model, (folder / (name + ".onnx")).string());
  const Model<float> int8 =
      quantize_post_training(model, random_sources(model, 8, 0), onednn_runner(1), int8_options_for_this_cpu()).model;
  export_onnx(int8, (folder / (name + "_int8.onnx")).string());
  std::printf("%s: %s of weights in f32\n", name.c_str(),
              format_bytes(4.0 * static_cast<double>(parameter_count(model))).c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : ".";
  std::filesystem::create_directories(folder);
  write(recommendation_large(), folder, "recommendation");
  write(zoo_model("regnet_y_400mf"), folder, "camera");
  write(unet_small(), folder, "medical");
  return 0;
}
