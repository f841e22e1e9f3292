// A server inside a program of one's own: a model in a folder, served by the KServe v2 protocol, asked over HTTP.

#include <cstdio>
#include <filesystem>
#include <string>

#include <fulcrum/load/generate_load.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/serve/http_load.hpp>
#include <fulcrum/serve/server.hpp>
#include <fulcrum/zoo/zoo.hpp>

using namespace fulcrum;

int main() {
  // The folder: NAME/VERSION/model.onnx, and how the model is to be run beside it.
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "fulcrum_example_models";
  std::filesystem::create_directories(folder / "digits" / "1");
  export_onnx(zoo_model("mlp"), (folder / "digits" / "1" / "model.onnx").string());
  write_file_atomically((folder / "digits" / "config.json").string(),
                        R"({"batching": {"max_batch": 8}, "slo_ms": 20})");

  ServerOptions options;
  options.port = 0;  // one that is free
  options.repository.folder = folder.string();
  InferenceServer server(options);
  for (const std::string& problem : server.load()) std::printf("%s\n", problem.c_str());
  std::printf("serving at http://127.0.0.1:%u/v2/models/digits\n", static_cast<unsigned>(server.port()));

  // Whoever speaks the protocol may ask; here, the load generator.
  LoadOptions load;
  load.duration = Seconds(0.5);
  load.warm_up = Seconds(0.1);
  const LoadReport report =
      generate_load(HttpLoad({"127.0.0.1", server.port(), "digits", ""}), Server{PoissonArrivals{200.0}}, load);
  std::printf("%lld of %lld requests done, p50 %.2f ms\n", static_cast<long long>(report.requests.done),
              static_cast<long long>(report.requests.issued), report.latency.statistics.p50.count());

  const bool all_answered = server.drain();  // finishes what it has
  std::filesystem::remove_all(folder);
  return all_answered && report.requests.done > 0 ? 0 : 1;
}
