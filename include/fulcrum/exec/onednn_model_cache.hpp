#pragma once
/// \file
/// One model compiled for several batch sizes, with its weights in memory once.

#include <cstddef>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/onednn_executor.hpp>

namespace fulcrum {

/// Compiles a model for a batch size when it is first asked for and keeps what it made. The batch sizes share the
/// packed weights that they read in the same layout, and oneDNN keeps the code of their kernels. Threads may share a
/// cache; those that ask for a batch size that is being compiled wait for it.
class OnednnModelCache {
public:
  /// \param config  of all batch sizes; config.batch is not read
  /// \param states  as OnednnModel::compile() takes them
  FULCRUM_DECLARE explicit OnednnModelCache(Model<float> model, RunConfig config = {}, std::vector<State> states = {});

  /// The model compiled for `batch` samples.
  /// \throws Error as OnednnModel::compile(); the next call tries again
  FULCRUM_DECLARE [[nodiscard]] std::shared_ptr<const OnednnModel> at(std::int64_t batch);

  /// Compiles the batch sizes and runs each once on sources of zeros, so that the first request meets no compilation,
  /// no code generation and no page that was never touched.
  /// \throws Error as at(), and as OnednnExecutor::run()
  FULCRUM_DECLARE void warm_up(std::span<const std::int64_t> batches);

  /// Bytes that all batch sizes compiled so far hold together, their shared weights once.
  FULCRUM_DECLARE [[nodiscard]] std::size_t weight_bytes() const;

private:
  using Compiled = std::shared_future<std::shared_ptr<const OnednnModel>>;

  Model<float> model_;
  RunConfig config_;
  std::vector<State> states_;
  std::shared_ptr<detail::onednn::ConstantStore> constants_;
  std::mutex mutex_;
  std::map<std::int64_t, Compiled> compiled_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(exec)

#include <exception>

#include <fulcrum/exec/runtime/constant_store.hpp>

namespace fulcrum {

FULCRUM_DEFINE OnednnModelCache::OnednnModelCache(Model<float> model, RunConfig config, std::vector<State> states)
    : model_(std::move(model)),
      config_(std::move(config)),
      states_(std::move(states)),
      constants_(detail::onednn::make_constant_store()) {}

FULCRUM_DEFINE std::size_t OnednnModelCache::weight_bytes() const { return constants_->bytes(); }

FULCRUM_DEFINE std::shared_ptr<const OnednnModel> OnednnModelCache::at(std::int64_t batch) {
  std::promise<std::shared_ptr<const OnednnModel>> promise;
  Compiled compiled;
  {
    const std::lock_guard lock(mutex_);
    const auto known = compiled_.find(batch);
    if (known != compiled_.end()) {
      compiled = known->second;
    } else {
      compiled_.emplace(batch, promise.get_future().share());
    }
  }
  if (compiled.valid()) return compiled.get();
  try {
    RunConfig config = config_;
    config.batch = batch;
    auto made = OnednnModel::compile(model_, config, states_, constants_);
    promise.set_value(made);
    return made;
  } catch (...) {
    promise.set_exception(std::current_exception());
    const std::lock_guard lock(mutex_);
    compiled_.erase(batch);
    throw;
  }
}

FULCRUM_DEFINE void OnednnModelCache::warm_up(std::span<const std::int64_t> batches) {
  for (const std::int64_t batch : batches) {
    const auto compiled = at(batch);
    std::vector<Tensor<float>> src;
    for (const Shape& shape : compiled->src_shapes()) src.emplace_back(shape);
    static_cast<void>(OnednnExecutor(compiled).run(src));
  }
}

}  // namespace fulcrum

#endif
