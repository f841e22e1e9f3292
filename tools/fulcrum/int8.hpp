#pragma once

#include <string>
#include <vector>

#include <fulcrum/passes/quantize.hpp>

/// The model quantized to int8 with ranges from the first `count` training images of a data set.
[[nodiscard]] fulcrum::QuantizeResult quantized_on(const fulcrum::Model<float>& model, const std::string& data,
                                                   const fulcrum::QuantizeOptions& options, std::int64_t count);

/// The same with ranges from .npy files of samples, one for each input.
[[nodiscard]] fulcrum::QuantizeResult quantized_on(const fulcrum::Model<float>& model,
                                                   const std::vector<std::string>& files,
                                                   const fulcrum::QuantizeOptions& options);

/// The model quantized with ranges from random sources: fit for timing, its results mean nothing.
[[nodiscard]] fulcrum::Model<float> quantized_for_timing(const fulcrum::Model<float>& model);
