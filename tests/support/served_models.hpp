#pragma once
// A folder of models to serve, and what is sent to them.

#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/file.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/serve/server_options.hpp>

#include <nlohmann/json.hpp>
#include <support/temporary_folder.hpp>

namespace fulcrum::test {

/// 4 numbers in, 3 out.
inline Model<float> small_network(std::uint64_t seed) {
  return ModelBuilder<float>("small", seed).input({4}).dense(8).relu().dense(3).build();
}

class ServedModels {
public:
  void put(const std::string& name, const std::string& version, const Model<float>& model) {
    const std::string folder = folder_.path(name + "/" + version);
    std::filesystem::create_directories(folder);
    export_onnx(model, folder + "/model.onnx");
  }
  void write(const std::string& name, const std::string& bytes) {
    std::filesystem::create_directories(std::filesystem::path(folder_.path(name)).parent_path());
    write_file_atomically(folder_.path(name), bytes);
  }
  [[nodiscard]] std::string path(const std::string& name = "") const { return folder_.path(name); }

  /// At a port that is free.
  [[nodiscard]] ServerOptions options() const {
    ServerOptions options;
    options.port = 0;
    options.repository.folder = folder_.path("");
    return options;
  }

private:
  TemporaryFolder folder_;
};

/// A request for small_network().
inline std::string small_request(const std::vector<float>& values, const std::string& id = {}) {
  nlohmann::json j{
      {"inputs", {{{"name", "input"}, {"datatype", "FP32"}, {"shape", {values.size() / 4, 4}}, {"data", values}}}}};
  if (!id.empty()) j["id"] = id;
  return j.dump();
}

inline std::string bytes_of(std::span<const float> values) {
  std::string bytes(values.size_bytes(), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

inline std::vector<float> floats_of(const std::string& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

}  // namespace fulcrum::test
