#pragma once
// A model, data and a machine profile small enough to run whole studies in a test.

#include <algorithm>
#include <cstdint>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/cost/machine_profile.hpp>
#include <fulcrum/data/dataset.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onednn/environment.hpp>

namespace fulcrum::synthetic {

inline Model<float> small_model() {
  return ModelBuilder<float>("small", 5)
      .input({1, 8, 8})
      .conv(8, 3, {.padding = 1})
      .relu()
      .max_pool(2)
      .flatten()
      .dense(4)
      .softmax()
      .build();
}

/// Random images, each labelled with the class that the model itself gives it in f32.
inline Dataset images_labelled_by(const Model<float>& model, std::int64_t count, std::uint64_t seed) {
  Dataset dataset;
  dataset.images = Tensor<float>(Shape{count, 1, 8, 8});
  Random random(seed);
  for (float& x : dataset.images.flat()) x = static_cast<float>(random.uniform());
  RunConfig options;
  options.batch = count;
  OnednnExecutor executor(model, options);
  const Tensor<float> scores = executor.run({&dataset.images, 1}).front();
  dataset.classes = scores.dim(1);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto row =
        scores.flat().subspan(static_cast<std::size_t>(i * dataset.classes), static_cast<std::size_t>(dataset.classes));
    dataset.labels.push_back(static_cast<std::int32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  return dataset;
}

/// Round figures that say they are of this machine.
inline MachineProfile plausible_profile() {
  MachineProfile profile;
  profile.environment = onednn_environment();
  profile.created_utc = "2026-01-31T12:00:00Z";
  for (const int threads : {1, 2}) {
    profile.rates.peaks.push_back({Precision::f32, threads, 1e11 * threads});
    profile.rates.peaks.push_back({Precision::bf16, threads, 2e11 * threads});
    profile.rates.peaks.push_back({Precision::int8, threads, 4e11 * threads});
    profile.rates.bandwidths.push_back({"L2", 1e6, threads, 1e11 * threads});
    profile.rates.bandwidths.push_back({"DRAM", 0.0, threads, 1e10 * threads});
    profile.rates.overheads.push_back({threads, 1.0 * threads, 2.0});
  }
  return profile;
}

}  // namespace fulcrum::synthetic
