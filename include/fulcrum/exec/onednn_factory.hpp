#pragma once
/// \file
/// oneDNN's executors, for whoever takes any.

#include <memory>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/exec/onednn_executor.hpp>

namespace fulcrum {

/// A compiled model whose instances are OnednnExecutors of it.
FULCRUM_DECLARE [[nodiscard]] PreparedModel prepared_model(std::shared_ptr<const OnednnModel> compiled);

/// Compiles a model once for all its instances, each of which keeps the states. Throws as OnednnModel::compile().
FULCRUM_DECLARE [[nodiscard]] ExecutorFactory onednn_executors(std::vector<State> states = {});

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
  if (!compiled->states().states.empty()) result.sources = compiled->states().src;
  result.instance = [compiled = std::move(compiled)] { return AnyExecutor(OnednnExecutor(compiled)); };
  return result;
}

FULCRUM_DEFINE ExecutorFactory onednn_executors(std::vector<State> states) {
  return [states = std::move(states)](const Model<float>& model, const RunConfig& config) {
    return prepared_model(OnednnModel::compile(model, config, states));
  };
}

FULCRUM_DEFINE PreparedModel prepare(const ExecutorFactory& executors, const Model<float>& model,
                                     const RunConfig& config) {
  return executors ? executors(model, config) : onednn_executors()(model, config);
}

}  // namespace fulcrum

#endif
