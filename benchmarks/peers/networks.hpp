#pragma once
/// \file
/// The networks of the comparison: those of the zoo, and recurrent layers by themselves.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/zoo/zoo.hpp>

namespace fulcrum::peers {

/// "lstm": 50 steps of 2048 features to 2048; "gru": 50 steps of 1024 to 1024, reset before the product (ONNX's
/// default); "gru_linear": reset after it (that of PyTorch); "bidirectional_lstm": two layers of 512 in each direction.
inline constexpr std::array<std::string_view, 4> recurrent_networks{"lstm", "gru", "gru_linear", "bidirectional_lstm"};

[[nodiscard]] inline std::vector<std::string> network_names() {
  std::vector<std::string> names = zoo_names();
  names.insert(names.end(), recurrent_networks.begin(), recurrent_networks.end());
  return names;
}

/// A network with seeded weights; recurrent ones take (N, 50, features) and give (N, 50, features).
/// \throws Error when there is none of that name
[[nodiscard]] inline Model<float> network(const std::string& name) {
  constexpr std::int64_t steps = 50;
  const auto begin = [&](std::int64_t features) {
    return ModelBuilder<float>(name, 1).input({steps, features}).transpose({1, 0, 2});
  };
  // (steps, directions, N, hidden) → (steps, N, directions · hidden)
  const auto flat = [](ModelBuilder<float>& b, std::int64_t features) -> ModelBuilder<float>& {
    return b.transpose({0, 2, 1, 3}).reshape({0, -1, features});
  };
  const auto end = [](ModelBuilder<float>& b) { return b.transpose({1, 0, 2}).build(); };
  if (name == "lstm") {
    ModelBuilder<float> b = begin(2048);
    return end(flat(b.lstm(2048), 2048));
  }
  if (name == "gru" || name == "gru_linear") {
    ModelBuilder<float> b = begin(1024);
    return end(flat(b.gru(1024, {.linear_before_reset = name == "gru_linear"}), 1024));
  }
  if (name == "bidirectional_lstm") {
    ModelBuilder<float> b = begin(512);
    for (int layer = 0; layer < 2; ++layer) flat(b.lstm(512, {.direction = RecurrentDirection::bidirectional}), 1024);
    return end(b);
  }
  return zoo_model(name);
}

}  // namespace fulcrum::peers
