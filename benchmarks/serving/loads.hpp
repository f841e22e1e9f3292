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
#include <fulcrum/load/generate_load.hpp>
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

}  // namespace fulcrum::benchmark
