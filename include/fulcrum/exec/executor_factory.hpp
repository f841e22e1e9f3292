#pragma once
/// \file
/// How executors are made for a model and a configuration: what measuring, evaluating and planning are given to run
/// models by.

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fulcrum/exec/any_executor.hpp>
#include <fulcrum/model/model.hpp>
#include <fulcrum/run/memory_use.hpp>
#include <fulcrum/run/run_config.hpp>
#include <fulcrum/schedule/schedule.hpp>

namespace fulcrum {

/// A model made ready for a configuration: what its instances share, and how an instance is made.
struct PreparedModel {
  /// Makes an instance. Called on the instance's own thread, or on one that makes it and warms it up beforehand
  /// (RunnerOptions::quietly); on several threads at the same time.
  std::function<AnyExecutor()> instance;
  int openmp_threads = 0;  ///< of the OpenMP team of GNU's library that an instance runs on; 0: on none
  MemoryUse memory;        ///< 0: not known
  /// How it runs, where that is planned: its steps are those of the instances. Nothing: not known.
  std::shared_ptr<const Schedule> schedule;
  /// Positions among the model's inputs of the sources that an instance takes; nothing: all. Those left out are states,
  /// which each instance keeps by itself (exec/state.hpp).
  std::optional<std::vector<std::size_t>> sources;
  std::vector<std::string> notes;  ///< what the user should know ("no bf16 on this CPU: ran as f32")
};

/// Makes a model ready to run. Made of a function (const Model<float>&, const RunConfig&) that gives
///
/// - an executor: called for each instance, on the instance's thread, on several threads at the same time;
/// - or a PreparedModel: called once for all instances of a configuration, which may then share what was compiled.
///
/// The function throws an Error where it has no way to run the model so. config.instances is none of its business.
///
/// An empty one stands for oneDNN's executors (onednn_executors()) wherever one is asked for.
class ExecutorFactory {
public:
  ExecutorFactory() = default;
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, ExecutorFactory> &&
           std::is_invocable_v<const std::remove_cvref_t<F>&, const Model<float>&, const RunConfig&>)
      ExecutorFactory(F&& make) {  // NOLINT(google-explicit-constructor): such a function is one
    using Made = std::invoke_result_t<const std::remove_cvref_t<F>&, const Model<float>&, const RunConfig&>;
    if constexpr (std::same_as<std::remove_cvref_t<Made>, PreparedModel>) {
      prepare_ = std::forward<F>(make);
    } else {
      static_assert(Executor<std::remove_cvref_t<Made>>, "the function must give an executor or a PreparedModel");
      prepare_ = [make = std::forward<F>(make)](const Model<float>& model, const RunConfig& config) {
        PreparedModel prepared;
        prepared.instance = [make, model, config] { return AnyExecutor(make(model, config)); };
        return prepared;
      };
    }
  }

  /// Whether it is made of a function.
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(prepare_); }

  /// Precondition: not empty.
  /// \throws whatever the function throws; an executor's own making is left to PreparedModel::instance
  [[nodiscard]] PreparedModel operator()(const Model<float>& model, const RunConfig& config) const {
    return prepare_(model, config);
  }

private:
  std::function<PreparedModel(const Model<float>&, const RunConfig&)> prepare_;
};

}  // namespace fulcrum
