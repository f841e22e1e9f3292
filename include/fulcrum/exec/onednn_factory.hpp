#pragma once
/// \file
/// oneDNN's executors, for whoever takes any.

#include <memory>
#include <utility>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/exec/onednn_executor.hpp>

namespace fulcrum {

/// A compiled model whose instances are OnednnExecutors of it.
FULCRUM_DECLARE [[nodiscard]] PreparedModel prepared_model(std::shared_ptr<const OnednnModel> compiled);

/// Compiles a model once for all its instances. Throws as OnednnModel::compile().
FULCRUM_DECLARE [[nodiscard]] ExecutorFactory onednn_executors();

/// As the factory says; an empty one: as onednn_executors() does.
/// \throws Error as either
FULCRUM_DECLARE [[nodiscard]] PreparedModel prepare(const ExecutorFactory& executors, const Model<float>& model,
                                                    const RunConfig& config);

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

namespace fulcrum {

FULCRUM_DEFINE PreparedModel prepared_model(std::shared_ptr<const OnednnModel> compiled) {
  PreparedModel result;
  result.openmp_threads = compiled->config().threads;
  result.memory = compiled->memory();
  result.schedule = {compiled, &compiled->schedule()};
  result.notes = compiled->notes();
  result.instance = [compiled = std::move(compiled)] { return AnyExecutor(OnednnExecutor(compiled)); };
  return result;
}

FULCRUM_DEFINE ExecutorFactory onednn_executors() {
  return [](const Model<float>& model, const RunConfig& config) {
    return prepared_model(OnednnModel::compile(model, config));
  };
}

FULCRUM_DEFINE PreparedModel prepare(const ExecutorFactory& executors, const Model<float>& model,
                                     const RunConfig& config) {
  return executors ? executors(model, config) : onednn_executors()(model, config);
}

}  // namespace fulcrum

#endif
