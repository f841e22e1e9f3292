#pragma once
/// \file
/// oneDNN's executors, for whoever takes any.

#include <memory>
#include <utility>

#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/exec/onednn_executor.hpp>

namespace fulcrum {

/// A compiled model whose instances are OnednnExecutors of it.
[[nodiscard]] inline PreparedModel prepared_model(std::shared_ptr<const OnednnModel> compiled) {
  PreparedModel result;
  result.openmp_threads = compiled->config().threads;
  result.memory = compiled->memory();
  result.schedule = {compiled, &compiled->schedule()};
  result.notes = compiled->notes();
  result.instance = [compiled = std::move(compiled)] { return AnyExecutor(OnednnExecutor(compiled)); };
  return result;
}

/// Compiles a model once for all its instances. Throws as OnednnModel::compile().
[[nodiscard]] inline ExecutorFactory onednn_executors() {
  return [](const Model<float>& model, const RunConfig& config) {
    return prepared_model(OnednnModel::compile(model, config));
  };
}

}  // namespace fulcrum
