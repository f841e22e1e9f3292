#pragma once
/// \file
/// Finds the precision in which a model, and each of its layers, runs fastest on this machine.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/measure/instances.hpp>
#include <fulcrum/measure/statistics.hpp>
#include <fulcrum/measure/turns.hpp>

namespace fulcrum {

/// How to choose.
struct ChoosePrecisionOptions {
  int rounds = 7;                 ///< turns that each way to run gets, in alternation; ≥ 1
  Seconds time_per_round{0.05};   ///< that each is timed for in a round
  double least_layer_gain = 0.1;  ///< share of its time that a layer must save to run in a precision of its own
};

/// The fastest way to run a model, and what it was compared with.
struct PrecisionChoice {
  /// One precision for the whole model.
  struct Candidate {
    Precision precision = Precision::f32;
    Milliseconds latency{};  ///< median over the rounds' medians
  };
  Precision precision = Precision::f32;              ///< of all layers but those named next
  std::map<std::string, Precision> layer_precision;  ///< as RunConfig has it
  Milliseconds latency{};                            ///< of the choice
  std::vector<Candidate> candidates;                 ///< every precision that could run
};

/// Times the model in each precision that the CPU has (int8 where a quantization pass has been over the model), takes
/// the fastest, and has those layers run in another one that are faster there; that mixture is kept when it wins most
/// of a comparison in alternation with the pure precision.
/// \param config  precision and layer_precision are not read
/// \throws Error as OnednnModel::compile(), and when rounds is below 1
FULCRUM_DECLARE [[nodiscard]] PrecisionChoice choose_precision(const Model<float>& model, RunConfig config,
                                                               const ChoosePrecisionOptions& how = {},
                                                               const ProgressSink& progress = {});

/// "int8, 2 layers in f32 (conv1, dense2)"
FULCRUM_DECLARE [[nodiscard]] std::string to_string(const PrecisionChoice& choice);

}  // namespace fulcrum

#if FULCRUM_DEFINES(measure)

namespace fulcrum::detail {

/// A way to run a model, being timed.
class TimedExecutor {
public:
  FULCRUM_DECLARE TimedExecutor(const Model<float>& model, const RunConfig& config,
                                std::shared_ptr<onednn::ConstantStore> constants)
      : executor_(OnednnModel::compile(model, config, {}, std::move(constants))),
        buffers_(executor_.src_shapes(), executor_.dst_shapes(), 0,
                 source_ranges(model, infer_shapes(model, config.batch)), 0),
        step_times_(executor_.compiled().steps().size()),
        steps_(step_times_.size()) {
    executor_.execute(buffers_.src(), buffers_.dst());
  }

  /// One turn: whole runs, then runs whose steps are timed.
  FULCRUM_DECLARE void take_turn(Seconds duration) {
    std::vector<nanoseconds> times;
    const auto until = Clock::now() + std::chrono::duration_cast<nanoseconds>(duration);
    executor_.execute(buffers_.src(), buffers_.dst());  // caches and threads are the other's before it
    while (times.size() < 3 || Clock::now() < until) {
      const auto start = Clock::now();
      executor_.execute(buffers_.src(), buffers_.dst());
      times.push_back(Clock::now() - start);
    }
    medians_.push_back(median(times));
    for (int run = 0; run < 3; ++run) {
      executor_.execute_timed(buffers_.src(), buffers_.dst(), step_times_);
      for (std::size_t i = 0; i < steps_.size(); ++i) steps_[i].push_back(step_times_[i]);
    }
  }

  [[nodiscard]] Milliseconds latency() const { return median(medians_); }
  [[nodiscard]] const std::vector<nanoseconds>& medians() const noexcept { return medians_; }
  /// Time of the step that starts with each layer, with the conversions of its result; layers without one are absent.
  FULCRUM_DECLARE [[nodiscard]] std::map<std::string, Milliseconds> layer_times() const {
    std::map<std::string, Milliseconds> times;
    const std::vector<StepInfo>& infos = executor_.compiled().steps();
    for (std::size_t i = 0; i < infos.size(); ++i) {
      if (!infos[i].layers.empty()) times[infos[i].layers.front()] += Milliseconds(median(steps_[i]));
    }
    return times;
  }

private:
  OnednnExecutor executor_;
  InstanceBuffers buffers_;
  std::vector<nanoseconds> step_times_;
  std::vector<std::vector<nanoseconds>> steps_;
  std::vector<nanoseconds> medians_;
};

/// Each in turn, forwards in one round and backwards in the next.
FULCRUM_DECLARE void take_turns(const std::vector<TimedExecutor*>& executors, const ChoosePrecisionOptions& options,
                                const ProgressSink& progress) {
  for (int round = 0; round < options.rounds; ++round) {
    if (progress) progress({static_cast<double>(round) / options.rounds, "comparing precisions", ""});
    for (std::size_t i = 0; i < executors.size(); ++i) {
      executors[whose_turn(static_cast<std::size_t>(round), i, executors.size())]->take_turn(options.time_per_round);
    }
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE PrecisionChoice choose_precision(const Model<float>& model, RunConfig config,
                                                const ChoosePrecisionOptions& how, const ProgressSink& progress) {
  if (how.rounds < 1) throw Error("rounds", "are " + std::to_string(how.rounds), "give 1 or more");
  const auto constants = detail::onednn::make_constant_store();
  config.layer_precision.clear();
  std::map<Precision, std::unique_ptr<detail::TimedExecutor>> pure;
  std::vector<detail::TimedExecutor*> all;
  for (const Precision precision : all_precisions) {
    if (!cpu_supports(precision) || (precision == Precision::int8 && !is_quantized(model))) continue;
    config.precision = precision;
    pure[precision] = std::make_unique<detail::TimedExecutor>(model, config, constants);
    all.push_back(pure[precision].get());
  }
  detail::take_turns(all, how, progress);

  PrecisionChoice choice;
  for (const auto& [precision, executor] : pure) choice.candidates.push_back({precision, executor->latency()});
  const auto fastest = std::min_element(choice.candidates.begin(), choice.candidates.end(),
                                        [](const auto& a, const auto& b) { return a.latency < b.latency; });
  choice.precision = fastest->precision;
  choice.latency = fastest->latency;

  std::map<Precision, std::map<std::string, Milliseconds>> times_in;  // of each layer
  for (const auto& [precision, executor] : pure) times_in[precision] = executor->layer_times();
  const std::map<std::string, Milliseconds>& own_times = times_in[choice.precision];
  std::map<std::string, Precision> others;
  for (const auto& [precision, executor] : pure) {
    // A layer runs in int8 only where the values around it are integers.
    if (precision == choice.precision || precision == Precision::int8) continue;
    for (const auto& [layer, time] : times_in[precision]) {
      const auto own = own_times.find(layer);
      if (own == own_times.end() || time >= (1.0 - how.least_layer_gain) * own->second) continue;
      const auto taken = others.find(layer);
      if (taken == others.end() || time < times_in[taken->second][layer]) others[layer] = precision;
    }
  }
  if (others.empty()) return choice;

  config.precision = choice.precision;
  config.layer_precision = others;
  detail::TimedExecutor mixed(model, config, constants);
  config.layer_precision.clear();
  detail::TimedExecutor plain(model, config, constants);
  detail::take_turns({&mixed, &plain}, how, progress);
  int won = 0;
  for (std::size_t i = 0; i < mixed.medians().size(); ++i) won += mixed.medians()[i] < plain.medians()[i] ? 1 : 0;
  if (4 * won >= 3 * how.rounds && mixed.latency() < plain.latency()) {
    choice.layer_precision = std::move(others);
    choice.latency = mixed.latency();
  }
  return choice;
}

FULCRUM_DEFINE std::string to_string(const PrecisionChoice& choice) {
  std::string text(name_of(choice.precision));
  std::map<Precision, std::vector<std::string>> by_precision;
  for (const auto& [layer, precision] : choice.layer_precision) by_precision[precision].push_back(layer);
  for (const auto& [precision, layers] : by_precision) {
    text += ", " + std::to_string(layers.size()) + (layers.size() == 1 ? " layer in " : " layers in ") +
            std::string(name_of(precision)) + " (";
    for (std::size_t i = 0; i < layers.size(); ++i) text += (i == 0 ? "" : ", ") + layers[i];
    text += ")";
  }
  return text;
}

}  // namespace fulcrum

#endif
