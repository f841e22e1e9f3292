#pragma once
// A data set that a small network learns in seconds.
#include <cstdint>

#include <fulcrum/core/random.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/plan/run_recipe.hpp>

#include <support/synthetic_machine.hpp>

namespace fulcrum::test {

/// Images of 8×8 that are bright in one of four corners.
inline Dataset corners(std::int64_t n, std::uint64_t seed) {
  Dataset data;
  data.images = Tensor<float>(Shape{n, 1, 8, 8});
  data.classes = 4;
  Random random(seed);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto label = static_cast<std::int32_t>(random.below(4));
    data.labels.push_back(label);
    for (std::int64_t y = 0; y < 8; ++y) {
      for (std::int64_t x = 0; x < 8; ++x) {
        const bool bright = y / 4 == label / 2 && x / 4 == label % 2;
        data.images.at(i, 0, y, x) = static_cast<float>(random.uniform(bright ? 0.3 : 0.0, bright ? 1.0 : 0.7));
      }
    }
  }
  return data;
}

struct Corners {
  Dataset train_set = corners(512, 1);
  Dataset test_set = corners(256, 2);
  MachineProfile profile = synthetic::machine();
  RecipeSettings settings;
  Model<float> model = ModelBuilder<float>("corners", 3)
                           .input({1, 8, 8})
                           .conv(32, 3, {.padding = 1})
                           .relu()
                           .conv(32, 3, {.padding = 1})
                           .relu()
                           .max_pool(4, {{4, 4}, {}, false, false})
                           .flatten()
                           .dense(4)
                           .softmax()
                           .build();

  Corners() {
    settings.train_set = &train_set;
    settings.test_set = &test_set;
    settings.profile = &profile;
    settings.threads = 1;
  }
};

}  // namespace fulcrum::test
