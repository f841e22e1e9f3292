#pragma once
/// \file
/// oneDNN as the engine that calibration of activation ranges runs on.

#include <memory>
#include <span>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/passes/calibration.hpp>

namespace fulcrum {

/// A ModelRunner in f32. It compiles when the model or the batch size changes, so a whole calibration compiles once for
/// its batch size and once for a tail.
/// \param threads  ≥ 1
FULCRUM_DECLARE [[nodiscard]] ModelRunner onednn_runner(int threads = 1);

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

namespace fulcrum {

FULCRUM_DEFINE ModelRunner onednn_runner(int threads) {
  struct Compiled {
    Model<float> model;
    std::int64_t batch = 0;
    std::shared_ptr<OnednnExecutor> executor;
  };
  const auto compiled = std::make_shared<Compiled>();
  return [compiled, threads](const Model<float>& model, std::span<const Tensor<float>> sources) {
    const std::int64_t batch = batch_of(model, sources);
    if (!compiled->executor || compiled->batch != batch || compiled->model != model) {
      RunConfig config;
      config.batch = batch;
      config.threads = threads;
      *compiled = {model, batch, std::make_shared<OnednnExecutor>(model, config)};
    }
    return compiled->executor->run(sources);
  };
}

}  // namespace fulcrum

#endif
