#pragma once
/// \file
/// oneDNN as the engine that calibration of activation ranges runs on.

#include <memory>
#include <vector>

#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/passes/calibration.hpp>

namespace fulcrum {

/// A ModelRunner in f32. It compiles when the model or the batch size changes, so a whole calibration compiles once for
/// its batch size and once for a tail.
/// \param threads  ≥ 1
[[nodiscard]] inline ModelRunner onednn_runner(int threads = 1) {
  struct Compiled {
    Model<float> model;
    std::int64_t batch = 0;
    std::shared_ptr<OnednnExecutor> executor;
  };
  const auto compiled = std::make_shared<Compiled>();
  return [compiled, threads](const Model<float>& model, const Tensor<float>& images) {
    if (!compiled->executor || compiled->batch != images.dim(0) || compiled->model != model) {
      OnednnOptions options;
      options.batch = images.dim(0);
      options.threads = threads;
      *compiled = {model, options.batch, std::make_shared<OnednnExecutor>(model, options)};
    }
    return compiled->executor->run({&images, 1});
  };
}

}  // namespace fulcrum
