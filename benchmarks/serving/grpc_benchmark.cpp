// What gRPC adds to the runner in the process, beside HTTP. A program of its own: gRPC is not everywhere. README.md
// says how to read it.

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <fulcrum/grpc/grpc_server.hpp>
#include <fulcrum/serve/http_load.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include "loads.hpp"

using namespace fulcrum;
using namespace fulcrum::benchmark;
using namespace std::chrono_literals;

namespace {

/// Sends one sample over gRPC again and again, tensors as bytes.
class GrpcLoad {
public:
  GrpcLoad(std::uint16_t port, const Shape& shape)
      : client_(inference::GRPCInferenceService::NewStub(
            ::grpc::CreateChannel("ipv4:127.0.0.1:" + std::to_string(port), ::grpc::InsecureChannelCredentials()))) {
    request_.set_model_name("m");
    auto& input = *request_.add_inputs();
    input.set_name("input");
    input.set_datatype("FP32");
    for (const std::int64_t extent : shape) input.add_shape(extent);
    const std::vector<float> values(static_cast<std::size_t>(element_count(shape)), 0.5F);
    request_.add_raw_input_contents(
        std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)));
  }

  [[nodiscard]] std::size_t request_bytes() const { return request_.ByteSizeLong(); }

  bool operator()(std::int64_t /*sample*/, const Completion& done) const {
    struct Call {
      ::grpc::ClientContext context;
      inference::ModelInferResponse response;
    };
    const auto call = std::make_shared<Call>();
    const auto submitted = std::chrono::steady_clock::now();
    client_->async()->ModelInfer(&call->context, &request_, &call->response,
                                 [call, done, submitted](const ::grpc::Status& status) {
                                   RequestOutcome outcome;
                                   outcome.status = status.ok() ? RequestStatus::done : RequestStatus::failed;
                                   outcome.batch = 1;
                                   outcome.submitted = outcome.started = submitted;
                                   outcome.finished = std::chrono::steady_clock::now();
                                   done(outcome);
                                 });
    return true;
  }

private:
  std::shared_ptr<inference::GRPCInferenceService::Stub> client_;
  inference::ModelInferRequest request_;
};

void compare(const std::string& network, double rate, double seconds, int rounds) {
  const Model<float> model = network == "null" ? small_image_model() : zoo_model(network);
  const ExecutorFactory executors = network == "null" ? busy(0ns) : ExecutorFactory{};
  Folder folder;
  folder.put(model, "m", "1");
  ServerOptions options;
  options.port = 0;
  options.repository.folder = folder.path();
  options.repository.executors = executors;
  InferenceServer server(options);
  GrpcServer beside(server, {.port = 0});
  for (const std::string& problem : server.load()) throw Error("the server", problem);
  QueuedRunner runner(model, {}, {.executors = executors});
  const HttpLoad http(ServedAt{"127.0.0.1", server.port(), "m", ""});
  const GrpcLoad grpc(beside.port(), runner.src_shapes()[0]);
  const std::vector<Latencies> turns = in_turns(model, runner, {http, grpc}, rate, seconds, rounds);
  std::printf("%s, %zu bytes (HTTP) and %zu (gRPC), %.0f requests/s, %d rounds in turns (medians)\n", network.c_str(),
              http.request_bytes(), grpc.request_bytes(), rate, rounds);
  const char* names[] = {"runner in the process", "HTTP", "gRPC"};
  for (std::size_t i = 0; i < turns.size(); ++i) show(names[i], turns[i]);
  const auto spread = [](std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t last = values.size() - 1;
    std::printf("%.1f µs p50 (quartiles %.1f … %.1f)", values[values.size() / 2], values[last / 4],
                values[last - last / 4]);
  };
  std::printf("  gRPC adds ");
  spread(differences(turns[2].p50, turns[0].p50));
  std::printf(" to the runner and ");
  spread(differences(turns[2].p50, turns[1].p50));
  std::printf(" to HTTP\n");
  beside.end();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What gRPC adds to the runner in the process, beside HTTP");
  std::string network = "fashion_cnn";
  double rate = 500.0, seconds = 2.0;
  int rounds = 5;
  app.add_option("--network", network, "of the zoo, or null")->capture_default_str();
  app.add_option("--rate", rate, "requests per second")->capture_default_str();
  app.add_option("--seconds", seconds, "of each load")->capture_default_str();
  app.add_option("--rounds", rounds)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  try {
    compare(network, rate, seconds, rounds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
