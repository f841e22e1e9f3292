#pragma once
// What the programs of this folder serve and how they load it.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/file.hpp>
#include <fulcrum/exec/executor_factory.hpp>
#include <fulcrum/load/beside_runner.hpp>
#include <fulcrum/load/generate_load.hpp>
#include <fulcrum/load/runner_load.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onnx/export.hpp>

namespace fulcrum::benchmark {

/// A folder that is gone with it.
class Folder {
public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("fulcrum_serving_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  void put(const Model<float>& model, const std::string& name, const std::string& version) const {
    const std::filesystem::path folder = path_ / name / version;
    std::filesystem::create_directories(folder);
    export_onnx(model, (folder / "model.onnx").string());
  }
  void write(const std::string& name, const std::string& text) const {
    write_file_atomically((path_ / name).string(), text);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

private:
  std::filesystem::path path_;
};

/// 784 numbers in, 10 out: 3 KB.
inline Model<float> small_image_model() { return ModelBuilder<float>("null", 1).input({784}).dense(10).build(); }

/// Takes a time on the CPU and gives nothing.
class Busy {
public:
  Busy(std::int64_t batch, std::chrono::nanoseconds time) : batch_(batch), time_(time) {}
  [[nodiscard]] std::vector<Shape> src_shapes() const { return {{batch_, 784}}; }
  [[nodiscard]] std::vector<Shape> dst_shapes() const { return {{batch_, 10}}; }
  void execute(std::span<const float* const>, std::span<float* const> dst) const {
    std::fill_n(dst[0], 10 * batch_, 0.0F);
    if (time_.count() == 0) return;
    const auto until = std::chrono::steady_clock::now() + time_;
    while (std::chrono::steady_clock::now() < until) {
    }
  }

private:
  std::int64_t batch_;
  std::chrono::nanoseconds time_;
};

inline ExecutorFactory busy(std::chrono::nanoseconds time) {
  return [time](const Model<float>&, const RunConfig& config) { return Busy(config.batch, time); };
}

inline double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// "median (first quartile … third)" of ratios.
inline std::string with_quartiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t last = values.size() - 1;
  char text[64];
  std::snprintf(text, sizeof text, "%.2f × (%.2f … %.2f)", values[values.size() / 2], values[last / 4],
                values[last - last / 4]);
  return text;
}

inline double us(Milliseconds time) { return 1000.0 * time.count(); }

inline LoadOptions for_seconds(double seconds, std::uint64_t seed = 0) {
  LoadOptions options;
  options.duration = Seconds(seconds);
  options.warm_up = Seconds(0.3);
  options.seed = seed;
  return options;
}

/// p50 and p99 of loads [µs], by round.
struct Latencies {
  std::vector<double> p50, p99;
};

/// One load in turns on the runner in the process and on what else takes it.
/// \param others  SubmitFunctions
/// \return the runner's, and those of the others
/// \throws Error when a request was not answered
inline std::vector<Latencies> in_turns(const Model<float>& model, QueuedRunner& runner,
                                       const std::vector<SubmitFunction>& others, double rate, double seconds,
                                       int rounds) {
  std::vector<Latencies> result(1 + others.size());
  const Server scenario{PoissonArrivals{rate}};
  for (int round = 0; round < rounds; ++round) {
    const LoadOptions load = for_seconds(seconds, static_cast<std::uint64_t>(round));
    const auto keep = [](const LoadReport& report, Latencies& latencies) {
      if (report.requests.done != report.requests.issued) throw Error("a load", "was not answered");
      latencies.p50.push_back(us(report.latency.statistics.p50));
      latencies.p99.push_back(us(report.latency.statistics.p99));
    };
    {
      const BesideRunner beside(runner);
      keep(generate_load(RunnerLoad(model, runner), scenario, load), result[0]);
    }
    for (std::size_t i = 0; i < others.size(); ++i) keep(generate_load(others[i], scenario, load), result[1 + i]);
  }
  return result;
}

/// By round.
inline std::vector<double> differences(std::vector<double> of, const std::vector<double>& from) {
  for (std::size_t i = 0; i < of.size(); ++i) of[i] -= from[i];
  return of;
}

inline void show(const char* name, const Latencies& latencies) {
  std::printf("  %-24s p50 %7.1f µs   p99 %7.1f µs\n", name, median_of(latencies.p50), median_of(latencies.p99));
}

}  // namespace fulcrum::benchmark
