#pragma once
/// \file
/// What a trade-off study is told: its target, its space, how long it measures, and what it is given to work with.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <fulcrum/cost/predictor.hpp>
#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/measure/evaluate.hpp>
#include <fulcrum/plan/objective.hpp>
#include <fulcrum/plan/selection.hpp>
#include <fulcrum/plan/space.hpp>
#include <fulcrum/plan/study_keeper.hpp>

namespace fulcrum {

/// Where the models of recipes come from and go to, so that a study that was interrupted need not train them again.
struct RecipeModels {
  std::function<Model<float>(const std::string&)> load_teacher;  ///< RecipeSettings::load; empty: there are none
  /// What an earlier run kept of a recipe of this name; empty: nothing is kept.
  std::function<std::optional<Model<float>>(const std::string& recipe)> find;
  std::function<void(const std::string& recipe, const Model<float>& model)> keep;
};

/// How to run a study.
struct TradeoffOptions {
  Objective objective;
  std::optional<ConfigurationSpace> space;  ///< absent: default_space() of the usable cores
  SelectionOptions selection;
  int rounds = 5;                         ///< turns that each measured candidate gets; ≥ 1
  Seconds time_per_round{0.15};           ///< that a candidate is timed for in each round, at least
  std::int64_t samples_per_round = 60;    ///< of each instance, at least
  std::int64_t calibration_images = 512;  ///< of the training set, for int8; ≥ 1
  QuantizeOptions quantization = int8_options_for_this_cpu();
  std::uint64_t seed = 0;  ///< of the calibration sample and the random sources
  std::string data;        ///< name of the data set, for the report
  /// What runs the variants when they are evaluated and measured; empty: oneDNN's.
  ExecutorFactory executors = {};
  AnyPredictor predictor;  ///< of every candidate; empty: CalibratedPredictor of the profile
  /// What counts as accuracy, of the test set's images, whose labels are not looked at then. Higher is better, and 1 is
  /// 100 %. Absent: top-1.
  std::optional<Metric> metric;
  /// Keeps every accuracy and every round as soon as it is known, and is asked before it is measured; empty: nothing is
  /// kept.
  StudyKeeper keeper = {};
  RecipeModels recipe_models;
  std::size_t timings_per_round = 40;  ///< MeasureOptions::timings of each round
};

}  // namespace fulcrum
