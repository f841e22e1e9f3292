#pragma once
/// \file
/// One version of a model, ready to serve.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/serve/inference_protocol.hpp>
#include <fulcrum/serve/model_settings.hpp>
#include <fulcrum/serve/response_cache.hpp>
#include <fulcrum/serve/version_metrics.hpp>
#include <fulcrum/serve/watched_runner.hpp>

namespace fulcrum {

/// A model compiled for every batch size that its settings plan, and the runner before it. Compiling is apart from
/// starting, so that it can be done on a thread of low priority (run_quietly()): threads that a runner starts inherit
/// theirs.
class ServedVersion {
public:
  /// Compiles.
  /// \param executors  what runs the model; empty: oneDNN's
  /// \throws Error as QueuedRunner and OnednnModel::compile() do
  FULCRUM_DECLARE ServedVersion(std::string model, std::string version, const Model<float>& network,
                                const ModelSettings& settings, const ExecutorFactory& executors = {});

  [[nodiscard]] const std::string& model() const noexcept { return model_; }
  [[nodiscard]] const std::string& version() const noexcept { return version_; }
  [[nodiscard]] const ModelSettings& settings() const noexcept { return settings_; }
  [[nodiscard]] const std::vector<TensorSpec>& inputs() const noexcept { return inputs_; }
  [[nodiscard]] const std::vector<TensorSpec>& outputs() const noexcept { return outputs_; }
  /// Whether a request may have several samples, along the outermost axis of every input.
  [[nodiscard]] bool takes_samples() const noexcept { return takes_samples_; }
  /// Floats of one sample of each input and output.
  [[nodiscard]] const std::vector<std::int64_t>& src_elements() const noexcept { return src_elements_; }
  [[nodiscard]] const std::vector<std::int64_t>& dst_elements() const noexcept { return dst_elements_; }
  [[nodiscard]] const std::vector<std::string>& notes() const noexcept { return notes_; }

  /// Starts the instances and warms each of them up for each batch size. Called again, new ones take the place of the
  /// old, whose requests they finish.
  /// \param quietly  at the lowest priority (RunnerOptions::quietly)
  /// \return the runner before; empty at first. Whoever drops the last pointer to it waits for its requests.
  /// \throws Error as QueuedRunner
  FULCRUM_DECLARE std::shared_ptr<WatchedRunner> start(bool quietly = false);

  /// The runner of new requests. Precondition: start() has returned once.
  [[nodiscard]] std::shared_ptr<WatchedRunner> runner() const {
    const std::lock_guard lock(mutex_);
    return runner_;
  }

  [[nodiscard]] ResponseCache& cache() const noexcept { return *cache_; }
  [[nodiscard]] VersionMetrics& metrics() const noexcept { return *metrics_; }

private:
  std::string model_, version_;
  ModelSettings settings_;
  Model<float> network_;
  ExecutorFactory prepared_;  // gives what was compiled
  std::vector<TensorSpec> inputs_, outputs_;
  std::vector<std::int64_t> src_elements_, dst_elements_;
  bool takes_samples_ = false;
  std::vector<std::string> notes_;
  std::unique_ptr<VersionMetrics> metrics_ = std::make_unique<VersionMetrics>();
  std::unique_ptr<ResponseCache> cache_;
  mutable std::mutex mutex_;
  std::shared_ptr<WatchedRunner> runner_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <map>
#include <optional>
#include <utility>

#include <fulcrum/analysis/independent_samples.hpp>
#include <fulcrum/analysis/infer_elements.hpp>
#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/exec/onednn_model_cache.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum {

FULCRUM_DEFINE ServedVersion::ServedVersion(std::string model, std::string version, const Model<float>& network,
                                            const ModelSettings& settings, const ExecutorFactory& executors)
    : model_(std::move(model)),
      version_(std::move(version)),
      settings_(settings),
      network_(network),
      cache_(std::make_unique<ResponseCache>(settings.cache_bytes)) {
  if (settings_.choose_precision) settings_.run.precision = is_quantized(network) ? Precision::int8 : Precision::f32;
  validate(settings_.run);
  validate(settings_.batching);
  const std::vector<Shape> shapes = infer_shapes(network, 1);
  const std::vector<ElementType> elements = infer_elements(network);
  takes_samples_ = samples_are_independent(network, 2, 1);
  const auto spec = [&](NodeId id, const std::string& name) {
    TensorSpec result{name, elements[id], shapes[id]};
    if (takes_samples_) result.shape.front() = batch_dim;
    return result;
  };
  for (const NodeId id : network.inputs()) {
    inputs_.push_back(spec(id, network.node(id).name));
    src_elements_.push_back(element_count(shapes[id]));
  }
  for (std::size_t i = 0; i < network.outputs().size(); ++i) {
    const NodeId id = network.outputs()[i];
    outputs_.push_back(spec(id, network.output_names()[i]));
    dst_elements_.push_back(element_count(shapes[id]));
  }
  auto compiled = std::make_shared<std::map<std::int64_t, PreparedModel>>();
  std::optional<OnednnModelCache> cache;
  if (!executors) cache.emplace(network, settings_.run);
  for (const std::int64_t batch : executor_batches(settings_.batching)) {
    RunConfig config = settings_.run;
    config.batch = batch;
    compiled->emplace(batch, cache ? prepared_model(cache->at(batch)) : executors(network, config));
  }
  prepared_ = [compiled](const Model<float>&, const RunConfig& config) { return compiled->at(config.batch); };
}

FULCRUM_DEFINE std::shared_ptr<WatchedRunner> ServedVersion::start(bool quietly) {
  RunnerOptions options;
  options.batching = settings_.batching;
  if (settings_.slo) options.batching.within = std::chrono::duration_cast<std::chrono::nanoseconds>(*settings_.slo);
  options.queue = settings_.queue;
  options.executors = prepared_;
  options.pin = !settings_.cpus.empty();
  options.quietly = quietly;
  std::shared_ptr<WatchedRunner> made;
  {
    std::optional<PinnedThread> pin;  // instances take their CPUs from those of the thread that makes them
    if (options.pin) pin.emplace(settings_.cpus);
    made = std::make_shared<WatchedRunner>(network_, settings_.run, options);
  }
  if (notes_.empty()) notes_ = made->runner().notes();
  const std::lock_guard lock(mutex_);
  return std::exchange(runner_, std::move(made));
}

}  // namespace fulcrum

#endif
