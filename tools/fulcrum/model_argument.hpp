#pragma once

#include <string>

#include <fulcrum/model/is_quantized.hpp>

/// The model that MODEL names: zoo:NAME (weights from the seed) or an .onnx file.
[[nodiscard]] fulcrum::Model<float> load_model(const std::string& argument, std::uint64_t seed = 0);

/// What --precision says; without it int8 for a quantized model and f32 for any other.
[[nodiscard]] fulcrum::Precision precision_for(const fulcrum::Model<float>& model, const std::string& option);
