#pragma once
/// \file
/// A MachineProfile without a measurement: from what a data sheet says of a machine.

#include <map>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/dtype.hpp>
#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/cost/machine_profile.hpp>

namespace fulcrum {

/// What data sheets tell. Rates are the highest that hardware can reach, not what programs do.
struct DataSheet {
  std::string cpu;                          ///< its name
  std::string isa;                          ///< as Environment::isa: "avx2", "avx512 vnni bf16"
  int cores = 1;                            ///< 1 … 4096
  double clock_ghz = 0.0;                   ///< 0.1 … 20
  std::map<Precision, double> gflop_per_s;  ///< of one core; f32 has to be there
  double l1_kib = 32.0;                     ///< of a core; > 0
  double l2_kib = 0.0;                      ///< of a core; > 0
  double l3_mib = 0.0;                      ///< of all cores; 0: none
  double l1_gb_per_s = 0.0;                 ///< of a core; 0: 64 bytes a cycle
  double l2_gb_per_s = 0.0;                 ///< of a core; 0: 32 bytes a cycle
  double l3_gb_per_s = 0.0;                 ///< of a core; 0: 12 bytes a cycle
  double memory_gb_per_s = 0.0;             ///< of all cores; > 0
  double memory_gb_per_s_per_core = 0.0;    ///< 0: all of it, or 5 bytes a cycle where that is less

  friend bool operator==(const DataSheet&, const DataSheet&) = default;
};

/// A profile to predict with: the sheet's rates as far as kernels usually reach them, overheads as usual at that clock,
/// and for each class of kernels how far from the roofline it usually stays. What that means for a single step is known
/// to a factor of about two, and ranges say so. Nothing is measured.
/// \throws Error when a figure is out of range
FULCRUM_DECLARE [[nodiscard]] MachineProfile profile_from(const DataSheet& sheet);

/// {"cpu", "isa", "cores", "clock_ghz", "gflop_per_s_per_core": {"f32", …} or "gflop_per_s": {…} of all cores,
/// "l1_kib", "l2_kib", "l3_mib", "l1_gb_per_s", "l2_gb_per_s", "l3_gb_per_s", "memory_gb_per_s",
/// "memory_gb_per_s_per_core"}. Only clock_ghz, the peaks, l2_kib and memory_gb_per_s have to be there; DataSheet says
/// what others are by default.
///
/// \param machine  whose name, instruction sets and cores stand where the sheet has none
/// \throws Error when something is missing, unknown, of another type or out of range
FULCRUM_DECLARE [[nodiscard]] DataSheet data_sheet_from_json(const nlohmann::json& j, const Environment& machine);

/// \throws Error naming the file when it cannot be read or holds no data sheet
FULCRUM_DECLARE [[nodiscard]] DataSheet load_data_sheet(const std::string& path, const Environment& machine);

}  // namespace fulcrum

#if FULCRUM_DEFINES(cost)

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/core/utc.hpp>
#include <fulcrum/run/json_values.hpp>

namespace fulcrum::detail {

/// How many times its roofline a step of a class takes, as a rule.
struct UsualSlowdown {
  KernelClass kernel;
  Algorithm algorithm;
  double times;
  std::string_view layer{};  ///< of plain loops: a name that is no layer's, for all borrow from others
};

inline constexpr std::string_view any_layer = "Any";

/// Of convolutions, dense layers, products, batch norms, pooling, softmax, normalization and movement the median over
/// the steps of the zoo in f32 (one thread, batch 1 and 8), as a calibrated Xeon with AVX-512 predicts them; of the
/// rest, of which the zoo has few, by judgement.
inline constexpr std::array usual_slowdowns{
    UsualSlowdown{KernelClass::convolution, Algorithm::primitive, 1.3},
    UsualSlowdown{KernelClass::grouped_convolution, Algorithm::primitive, 3.3},
    UsualSlowdown{KernelClass::depthwise_convolution, Algorithm::primitive, 2.2},
    UsualSlowdown{KernelClass::depthwise_convolution, Algorithm::threaded_loops, 1.5},
    UsualSlowdown{KernelClass::winograd_convolution, Algorithm::winograd, 1.5},
    UsualSlowdown{KernelClass::sparse_convolution, Algorithm::sparse, 5.0},
    UsualSlowdown{KernelClass::transposed_convolution, Algorithm::primitive, 5.0},
    UsualSlowdown{KernelClass::dense, Algorithm::primitive, 1.2},
    UsualSlowdown{KernelClass::sparse_dense, Algorithm::sparse, 4.0},
    UsualSlowdown{KernelClass::packed_dense, Algorithm::packed, 2.5},
    UsualSlowdown{KernelClass::matmul, Algorithm::primitive, 1.7},
    UsualSlowdown{KernelClass::recurrent, Algorithm::recurrent, 1.0},
    UsualSlowdown{KernelClass::batch_normalization, Algorithm::threaded_loops, 1.9},
    UsualSlowdown{KernelClass::pooling, Algorithm::primitive, 1.6},
    UsualSlowdown{KernelClass::elementwise, Algorithm::primitive, 1.0},
    UsualSlowdown{KernelClass::softmax, Algorithm::primitive, 4.9},
    UsualSlowdown{KernelClass::normalization, Algorithm::primitive, 2.9},
    UsualSlowdown{KernelClass::reduction, Algorithm::primitive, 10.0},
    UsualSlowdown{KernelClass::movement, Algorithm::primitive, 1.9},
    UsualSlowdown{KernelClass::elementwise, Algorithm::loops, 8.0, any_layer},
    UsualSlowdown{KernelClass::elementwise, Algorithm::threaded_loops, 1.5, any_layer},
    UsualSlowdown{KernelClass::movement, Algorithm::loops, 1.5, any_layer},
    UsualSlowdown{KernelClass::movement, Algorithm::threaded_loops, 1.5, any_layer},
    UsualSlowdown{KernelClass::normalization, Algorithm::loops, 10.0, any_layer},
    UsualSlowdown{KernelClass::reduction, Algorithm::loops, 10.0, any_layer}};

/// A model that gives every step of its class the same, and is not sure of it.
FULCRUM_DECLARE EfficiencyModel usual_model(const UsualSlowdown& usual);

FULCRUM_DEFINE EfficiencyModel usual_model(const UsualSlowdown& usual) {
  EfficiencyModel model;
  model.kernel = usual.kernel;
  model.algorithm = usual.algorithm;
  model.layer = std::string(usual.layer);
  Step step;
  step.kernel = usual.kernel;
  step.algorithm = usual.algorithm;
  step.kind = model.layer;
  const std::size_t width = efficiency_features(step, RooflinePoint{}).size();
  model.noise = 0.5;
  model.loo_error = 0.5;
  model.trend.assign(width + 1, 0.0);
  model.trend.front() = std::log(usual.times);
  model.samples = {{std::vector<double>(width, 0.0), std::log(usual.times), 0.0}};
  model.prepare();
  return model;
}

FULCRUM_DECLARE void check_figure(std::string_view what, double value, double least, double most);

FULCRUM_DEFINE void check_figure(std::string_view what, double value, double least, double most) {
  if (value >= least && value <= most) return;
  throw Error("the data sheet", std::string(what) + " is " + std::to_string(value),
              "give " + std::to_string(least) + " to " + std::to_string(most));
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE MachineProfile profile_from(const DataSheet& sheet) {
  using detail::check_figure;
  constexpr double least = 1e-3;
  constexpr double most = 1e7;
  check_figure("cores", sheet.cores, 1.0, 4096.0);
  check_figure("clock_ghz", sheet.clock_ghz, 0.1, 20.0);
  check_figure("l1_kib", sheet.l1_kib, 1.0, 1e6);
  check_figure("l2_kib", sheet.l2_kib, 1.0, 1e7);
  check_figure("l3_mib", sheet.l3_mib, 0.0, 1e6);
  check_figure("memory_gb_per_s", sheet.memory_gb_per_s, least, most);
  for (const double rate : {sheet.l1_gb_per_s, sheet.l2_gb_per_s, sheet.l3_gb_per_s, sheet.memory_gb_per_s_per_core})
    check_figure("a bandwidth", rate, 0.0, most);
  if (!sheet.gflop_per_s.contains(Precision::f32))
    throw Error("the data sheet", "has no peak in f32", "give one: what stays in f32 is charged by it");

  MachineProfile profile;
  profile.from_data_sheet = true;
  profile.environment.cpu = sheet.cpu;
  profile.environment.isa = sheet.isa;
  profile.environment.cores = sheet.cores;
  profile.environment.affinity.resize(static_cast<std::size_t>(sheet.cores));
  std::iota(profile.environment.affinity.begin(), profile.environment.affinity.end(), 0);
  profile.created_utc = utc_now();

  // What programs reach of it.
  constexpr double of_peak = 0.85;
  constexpr double of_cache = 0.5;
  constexpr double of_memory = 0.75;
  constexpr double giga = 1e9;
  const auto or_cycles = [&](double gb_per_s, double bytes_a_cycle) {
    return giga * of_cache * (gb_per_s > 0.0 ? gb_per_s : bytes_a_cycle * sheet.clock_ghz);
  };
  const double of_core = sheet.memory_gb_per_s_per_core > 0.0 ? sheet.memory_gb_per_s_per_core
                                                              : std::min(sheet.memory_gb_per_s, 5.0 * sheet.clock_ghz);
  const double core_overhead_us = 1.0 / sheet.clock_ghz;  // some thousand cycles
  std::vector<int> threads;
  for (int count = 1; count < sheet.cores; count *= 2) threads.push_back(count);
  threads.push_back(sheet.cores);
  for (const int count : threads) {
    for (const auto& [precision, gflop_per_s] : sheet.gflop_per_s) {
      check_figure("the peak in " + std::string(name_of(precision)), gflop_per_s, least, most);
      profile.rates.peaks.push_back({precision, count, of_peak * giga * gflop_per_s * count});
    }
    std::vector<Bandwidth>& rates = profile.rates.bandwidths;
    rates.push_back({"L1", 1024.0 * sheet.l1_kib * count, count, or_cycles(sheet.l1_gb_per_s, 64.0) * count});
    rates.push_back({"L2", 1024.0 * sheet.l2_kib * count, count, or_cycles(sheet.l2_gb_per_s, 32.0) * count});
    if (sheet.l3_mib > 0.0)
      rates.push_back({"L3", 1048576.0 * sheet.l3_mib, count, or_cycles(sheet.l3_gb_per_s, 12.0) * count});
    const double memory = std::min(of_core * count, sheet.memory_gb_per_s);
    rates.push_back({"DRAM", 0.0, count, giga * of_memory * memory});
    profile.rates.overheads.push_back(
        {count, core_overhead_us * (1.0 + 2.0 * std::log2(count)), 2.0 * core_overhead_us});
  }
  for (const detail::UsualSlowdown& usual : detail::usual_slowdowns)
    profile.efficiency.push_back(detail::usual_model(usual));
  constexpr double scatter = 0.25;
  for (const auto& entry : sheet.gflop_per_s) profile.composition.push_back({entry.first, 1, 1.0, scatter, 0});
  const int side_by_side = std::max(sheet.cores, 2);
  constexpr double beside = 1.1;
  profile.contention = {{side_by_side, 1, beside * side_by_side / sheet.cores, 0.0}};
  profile.jitter = {{1, 1, 1.0, 0.95, 1.03, 1.1, 1.2, 1.5, 2.0}};
  return profile;
}

FULCRUM_DEFINE DataSheet data_sheet_from_json(const nlohmann::json& j, const Environment& machine) {
  constexpr std::array known{
      "$schema",     "cpu",         "isa",         "cores",           "clock_ghz",
      "l1_kib",      "l2_kib",      "l3_mib",      "l1_gb_per_s",     "gflop_per_s_per_core",
      "l2_gb_per_s", "l3_gb_per_s", "gflop_per_s", "memory_gb_per_s", "memory_gb_per_s_per_core"};
  constexpr double most = 1e7;
  const JsonReader reader(j);
  for (const auto& member : reader.members()) {
    if (std::find(known.begin(), known.end(), member.first) == known.end())
      throw Error("the data sheet", "has '" + member.first.substr(0, 40) + "', which it does not know",
                  "see docs/cost-model.md for its keys");
  }
  DataSheet sheet{.cpu = machine.cpu, .isa = machine.isa, .cores = std::max(machine.cores, 1), .gflop_per_s = {}};
  if (const auto cpu = reader.find("cpu")) sheet.cpu = cpu->text();
  if (const auto isa = reader.find("isa")) sheet.isa = isa->text();
  if (const auto cores = reader.find("cores")) sheet.cores = cores->integer<int>(1, 4096);
  sheet.clock_ghz = reader.at("clock_ghz").number(0.1, 20.0);
  const auto of_core = reader.find("gflop_per_s_per_core");
  const auto of_all = reader.find("gflop_per_s");
  if (of_core.has_value() == of_all.has_value())
    throw Error("the data sheet", "needs its peaks once", "give gflop_per_s_per_core or gflop_per_s (of all cores)");
  for (const auto& [name, value] : (of_core ? *of_core : *of_all).members())
    sheet.gflop_per_s[precision_from(name)] = value.number(1e-3, most) / (of_core ? 1 : sheet.cores);
  const auto figure = [&](const char* key, double& value, double lowest) {
    if (const auto given = reader.find(key)) value = given->number(lowest, most);
  };
  figure("l1_kib", sheet.l1_kib, 1.0);
  sheet.l2_kib = reader.at("l2_kib").number(1.0, most);
  figure("l3_mib", sheet.l3_mib, 0.0);
  figure("l1_gb_per_s", sheet.l1_gb_per_s, 1e-3);
  figure("l2_gb_per_s", sheet.l2_gb_per_s, 1e-3);
  figure("l3_gb_per_s", sheet.l3_gb_per_s, 1e-3);
  sheet.memory_gb_per_s = reader.at("memory_gb_per_s").number(1e-3, most);
  figure("memory_gb_per_s_per_core", sheet.memory_gb_per_s_per_core, 1e-3);
  return sheet;
}

FULCRUM_DEFINE DataSheet load_data_sheet(const std::string& path, const Environment& machine) {
  const nlohmann::json j = read_json_file(path, "give the JSON of a data sheet");
  try {
    return data_sheet_from_json(j, machine);
  } catch (const Error& error) {
    throw Error(path, error.what(), error.remedy().empty() ? "docs/cost-model.md has an example" : std::string());
  }
}

}  // namespace fulcrum

#endif
