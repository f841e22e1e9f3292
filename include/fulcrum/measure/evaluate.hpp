#pragma once
/// \file
/// How good a model's answers are, by any measure, as it really runs.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/exec/onednn_factory.hpp>

namespace fulcrum {

/// What a model answers to some samples of a data set.
struct Answers {
  std::span<const Tensor<float>> outputs;  ///< all of the model's, in order, each of the whole batch
  std::int64_t first = 0;                  ///< number of the batch's first sample in the data set
  std::int64_t count = 0;                  ///< samples in the batch
};

/// Adds up how good answers are: add() is called for every batch of the data set, in order, then value() once. It holds
/// the targets in whatever form they have; Answers says which samples are meant. A value: a copy goes on from where its
/// original is.
template <class S>
concept Score = std::copy_constructible<S> && requires(S& score, const S& complete, const Answers& answers) {
  score.add(answers);
  { complete.value() } -> std::convertible_to<double>;
};

/// A score function with a name. Every evaluation starts from a copy of the score it was made of.
class Metric {
public:
  /// One evaluation.
  class Running {
  public:
    Running() = default;
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    Running(Running&&) = delete;
    Running& operator=(Running&&) = delete;
    virtual ~Running() = default;
    virtual void add(const Answers& answers) = 0;
    [[nodiscard]] virtual double value() const = 0;
  };

  /// \param name  as reports have it: "mean squared error"
  template <Score S>
  Metric(std::string name, S score)
      : name_(std::move(name)),
        start_([score = std::move(score)] { return std::make_unique<RunningScore<S>>(score); }) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::unique_ptr<Running> start() const { return start_(); }

private:
  template <class S>
  class RunningScore final : public Running {
  public:
    explicit RunningScore(const S& score) : score_(score) {}
    void add(const Answers& answers) override { score_.add(answers); }
    [[nodiscard]] double value() const override { return score_.value(); }

  private:
    S score_;
  };

  std::string name_;
  std::function<std::unique_ptr<Running>()> start_;
};

/// The mean of a figure that every sample has by itself.
/// \param sum_of_batch  const Answers& → the sum of the figure over the batch's samples
template <class F>
requires std::is_invocable_r_v<double, F&, const Answers&>
[[nodiscard]] Metric mean_metric(std::string name, F sum_of_batch) {
  struct Mean {
    F sum_of_batch;
    double sum = 0.0;
    std::int64_t samples = 0;
    void add(const Answers& answers) {
      sum += sum_of_batch(answers);
      samples += answers.count;
    }
    [[nodiscard]] double value() const { return sum / static_cast<double>(samples); }
  };
  return Metric(std::move(name), Mean{std::move(sum_of_batch)});
}

struct ScoreReport {
  std::string metric;              ///< its name
  double score = 0.0;              ///< by the metric, of all samples
  std::int64_t samples = 0;        ///< all of the data set
  std::vector<std::string> notes;  ///< what the executor has to say ("no bf16 on this CPU: ran as f32")
};

namespace detail {

/// How many samples the sources hold, one source per input.
/// \throws Error when there is none, or the sources hold different numbers of them
FULCRUM_DECLARE std::int64_t samples_of(std::span<const Tensor<float>> sources);

/// \throws Error when an executor does not take `batch` samples of the sources
FULCRUM_DECLARE void check_sources(const AnyExecutor& executor, std::span<const Tensor<float>> sources,
                                   std::int64_t batch);

/// Runs a model on all samples, in batches of config.batch; the last, smaller batch has an executor of its own.
/// \param begin     called with each executor before it runs
/// \param on_batch  called with the Answers to each batch
/// \param figure    the figure so far, as progress shows it
/// \return the executor's notes
template <class Begin, class OnBatch, class Figure>
std::vector<std::string> for_batches(const Model<float>& model, std::span<const Tensor<float>> sources,
                                     const RunConfig& config, const ExecutorFactory& executors,
                                     const ProgressSink& progress, const Begin& begin, const OnBatch& on_batch,
                                     const Figure& figure) {
  const std::int64_t samples = samples_of(sources);
  validate(config);
  std::vector<std::string> notes;
  std::int64_t done = 0;
  double reported = 0.0;

  const auto run_batches = [&](std::int64_t batch, std::int64_t count) {
    RunConfig sized = config;
    sized.batch = batch;
    const PreparedModel prepared = prepare(executors, model, sized);
    AnyExecutor executor = prepared.instance();
    notes = prepared.notes;
    check_sources(executor, sources, batch);
    begin(executor);
    std::vector<Tensor<float>> dst;
    for (const Shape& shape : executor.dst_shapes()) dst.emplace_back(shape);
    std::vector<float*> to;
    for (Tensor<float>& tensor : dst) to.push_back(tensor.flat().data());
    std::vector<const float*> from(sources.size());

    for (std::int64_t i = 0; i < count; ++i) {
      for (std::size_t s = 0; s < sources.size(); ++s)
        from[s] = sources[s].flat().data() +
                  sources[s].flat().size() / static_cast<std::size_t>(samples) * static_cast<std::size_t>(done);
      executor.execute(from, to);
      on_batch(Answers{dst, done, batch});
      done += batch;
      const double fraction = static_cast<double>(done) / static_cast<double>(samples);
      if (progress && (fraction - reported >= 0.01 || done == samples)) {
        reported = fraction;
        progress({fraction, "evaluating", figure()});
      }
    }
  };

  const std::int64_t whole = samples / config.batch;
  const std::int64_t rest = samples % config.batch;
  if (whole > 0) run_batches(config.batch, whole);
  if (rest > 0) run_batches(rest, 1);
  return notes;
}

}  // namespace detail

/// Runs a model on every sample of a data set and scores its answers. Samples run in batches of config.batch; the last,
/// smaller batch has an executor of its own.
/// \param sources  one per input of the model, each (n, …) with the same n ≥ 1 samples
/// \throws Error when the sources are empty or not what the model takes, the score is not a number, or the factory
///         cannot run the model so (oneDNN's: see OnednnModel::compile()); what the executor or the metric throws comes
///         out as it is
FULCRUM_DECLARE [[nodiscard]] ScoreReport evaluate(const Model<float>& model, std::span<const Tensor<float>> sources,
                                                   const RunConfig& config, const Metric& metric,
                                                   const ProgressSink& progress = {},
                                                   const ExecutorFactory& executors = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

namespace fulcrum::detail {

FULCRUM_DEFINE std::int64_t samples_of(std::span<const Tensor<float>> sources) {
  if (sources.empty() || sources[0].dimension() == 0 || sources[0].dim(0) == 0)
    throw Error("data set", "is empty", "give at least one sample");
  for (const Tensor<float>& source : sources) {
    if (source.dimension() > 0 && source.dim(0) == sources[0].dim(0)) continue;
    throw Error("data set", "has a source " + to_string(source.dims()) + " beside one " + to_string(sources[0].dims()),
                "give every input the same samples, along the first axis");
  }
  return sources[0].dim(0);
}

FULCRUM_DEFINE void check_sources(const AnyExecutor& executor, std::span<const Tensor<float>> sources,
                                  std::int64_t batch) {
  const std::vector<Shape>& takes = executor.src_shapes();
  if (takes.size() != sources.size()) {
    throw Error("data set", "has " + std::to_string(sources.size()) + " source(s) for a model that takes " +
                                std::to_string(takes.size()));
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    Shape given = sources[i].dims();
    given[0] = batch;
    if (given != takes[i])
      throw Error("data set", "has samples " + to_string(given) + " for a model that takes " + to_string(takes[i]));
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE ScoreReport evaluate(const Model<float>& model, std::span<const Tensor<float>> sources,
                                    const RunConfig& config, const Metric& metric, const ProgressSink& progress,
                                    const ExecutorFactory& executors) {
  ScoreReport report;
  report.metric = metric.name();
  const std::unique_ptr<Metric::Running> running = metric.start();
  report.notes = detail::for_batches(
      model, sources, config, executors, progress, [](const AnyExecutor&) {},
      [&](const Answers& answers) {
        running->add(answers);
        report.samples += answers.count;
      },
      [&] { return std::to_string(report.samples) + " samples"; });
  report.score = running->value();
  if (std::isnan(report.score)) {
    throw Error("the " + metric.name() + " of model '" + model.name() + "'", "is not a number",
                "look for NaN among its weights and outputs");
  }
  return report;
}

}  // namespace fulcrum

#endif
