#pragma once
/// \file
/// Random samples for a runner, as a load submits them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/queued_runner.hpp>

namespace fulcrum {

/// Submits random samples of a model to a runner, for generate_load():
///
///     const RunnerLoad load(model, runner);
///     const LoadReport report = generate_load(load, Server{PoissonArrivals{200.0}});
///
/// Copies share the samples. The runner must stay as long as requests are on their way.
class RunnerLoad {
public:
  /// \param samples  that are sent in turn; ≥ 1
  /// \throws Error when there is none
  FULCRUM_DECLARE RunnerLoad(const Model<float>& model, QueuedRunner& runner, std::size_t samples = 16,
                             std::uint64_t seed = 0);

  bool operator()(std::int64_t sample, const Completion& done) const {
    return runner_->submit((*sources_)[static_cast<std::size_t>(sample) % sources_->size()], {}, done);
  }

private:
  QueuedRunner* runner_;
  std::shared_ptr<const std::vector<Tensor<float>>> tensors_;
  std::shared_ptr<const std::vector<std::vector<const float*>>> sources_;  // of each sample
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(load)

#include <fulcrum/model/random_sources.hpp>

namespace fulcrum {

FULCRUM_DEFINE RunnerLoad::RunnerLoad(const Model<float>& model, QueuedRunner& runner, std::size_t samples,
                                      std::uint64_t seed)
    : runner_(&runner) {
  if (samples == 0) throw Error("a load", "has no samples", "give at least one");
  auto tensors = std::make_shared<std::vector<Tensor<float>>>();
  auto sources = std::make_shared<std::vector<std::vector<const float*>>>(samples);
  for (std::size_t i = 0; i < samples; ++i) {
    for (Tensor<float>& tensor : random_sources(model, 1, seed + i)) {
      tensors->push_back(std::move(tensor));
      (*sources)[i].push_back(tensors->back().flat().data());  // the elements stay where they are when a tensor moves
    }
  }
  tensors_ = std::move(tensors);
  sources_ = std::move(sources);
}

}  // namespace fulcrum

#endif
