// A server that speaks gRPC beside HTTP (CMake target fulcrum::grpc), asked by a client made from the protocol's file:
//
//   example_13_grpc                          a model of its own, one request, the end
//   example_13_grpc FOLDER HTTP_PORT GRPC_PORT   the models of a folder, until a signal comes

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <fulcrum/grpc/grpc_server.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/zoo/zoo.hpp>

using namespace fulcrum;

namespace {

bool ask(std::uint16_t port) {
  const auto client = inference::GRPCInferenceService::NewStub(
      ::grpc::CreateChannel("127.0.0.1:" + std::to_string(port), ::grpc::InsecureChannelCredentials()));
  inference::ModelInferRequest request;
  request.set_model_name("digits");
  auto& input = *request.add_inputs();
  input.set_name("input");
  input.set_datatype("FP32");
  for (const std::int64_t extent : {1, 1, 28, 28}) input.add_shape(extent);
  const std::vector<float> pixels(784, 0.5F);
  request.add_raw_input_contents(std::string(reinterpret_cast<const char*>(pixels.data()), 4 * pixels.size()));
  inference::ModelInferResponse response;
  ::grpc::ClientContext context;
  const ::grpc::Status status = client->ModelInfer(&context, request, &response);
  if (!status.ok()) {
    std::printf("%s\n", status.error_message().c_str());
    return false;
  }
  std::printf("%s, version %s: %s of %lld numbers\n", response.model_name().c_str(), response.model_version().c_str(),
              response.outputs(0).name().c_str(), static_cast<long long>(response.outputs(0).shape(1)));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const bool own = argc < 4;
  sigset_t ends;  // before any thread is started
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  static_cast<void>(pthread_sigmask(SIG_BLOCK, &ends, nullptr));

  const std::filesystem::path folder =
      own ? std::filesystem::temp_directory_path() / "fulcrum_example_grpc" : std::filesystem::path(argv[1]);
  if (own) {
    std::filesystem::create_directories(folder / "digits" / "1");
    export_onnx(zoo_model("mlp"), (folder / "digits" / "1" / "model.onnx").string());
  }
  ServerOptions options;
  options.port = own ? std::uint16_t{0} : static_cast<std::uint16_t>(std::atoi(argv[2]));
  options.repository.folder = folder.string();
  InferenceServer server(options);
  GrpcOptions beside;
  beside.port = own ? std::uint16_t{0} : static_cast<std::uint16_t>(std::atoi(argv[3]));
  GrpcServer grpc(server, beside);
  for (const std::string& problem : server.load()) std::printf("%s\n", problem.c_str());
  std::printf("serving at http://127.0.0.1:%u and by gRPC at 127.0.0.1:%u\n", static_cast<unsigned>(server.port()),
              static_cast<unsigned>(grpc.port()));
  std::fflush(stdout);

  bool good = true;
  if (own) {
    good = ask(grpc.port());
  } else {
    int signal = 0;
    static_cast<void>(sigwait(&ends, &signal));
  }
  grpc.end();  // first, so that what came by it is answered
  good = server.drain() && good;
  if (own) std::filesystem::remove_all(folder);
  return good ? 0 : 1;
}
