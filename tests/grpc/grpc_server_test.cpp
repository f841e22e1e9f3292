#include <fulcrum/grpc/grpc_server.hpp>

#include <cstdlib>
#include <functional>
#include <future>
#include <optional>
#include <thread>

#include <fulcrum/core/file.hpp>
#include <fulcrum/exec/reference.hpp>
#include <support/catch.hpp>
#include <support/own_executor.hpp>
#include <support/served_models.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

/// What a certificate is checked for. (To look the name up, gRPC's library for that leaves memory behind.)
::grpc::ChannelArguments named_localhost() {
  ::grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("localhost");
  return arguments;
}

/// A server of small_network(1) over both protocols, and a client of gRPC.
struct Served {
  test::ServedModels models;
  std::optional<InferenceServer> server;
  std::optional<GrpcServer> grpc;
  std::unique_ptr<inference::GRPCInferenceService::Stub> client;

  explicit Served(
      const std::function<void(ServerOptions&)>& change = {}, const Model<float>& model = test::small_network(1),
      const GrpcOptions& own = {},
      const std::shared_ptr<::grpc::ChannelCredentials>& credentials = ::grpc::InsecureChannelCredentials()) {
    models.put("small", "1", model);
    ServerOptions options = models.options();
    options.drain_timeout = 2000ms;
    if (change) change(options);
    server.emplace(options);
    GrpcOptions beside = own;
    beside.port = 0;
    beside.message_bytes = 1U << 16U;
    grpc.emplace(*server, beside);
    CHECK(server->load().empty());
    client = inference::GRPCInferenceService::NewStub(
        ::grpc::CreateCustomChannel("ipv4:127.0.0.1:" + std::to_string(grpc->port()), credentials, named_localhost()));
  }

  ::grpc::Status infer(const inference::ModelInferRequest& request, inference::ModelInferResponse& response,
                       const std::function<void(::grpc::ClientContext&)>& change = {}) const {
    ::grpc::ClientContext context;
    if (change) change(context);
    return client->ModelInfer(&context, request, &response);
  }
};

inference::ModelInferRequest request_of(const std::vector<float>& values, bool raw) {
  inference::ModelInferRequest request;
  request.set_model_name("small");
  request.set_id("one");
  auto& input = *request.add_inputs();
  input.set_name("input");
  input.set_datatype("FP32");
  input.add_shape(static_cast<std::int64_t>(values.size() / 4));
  input.add_shape(4);
  if (raw)
    request.add_raw_input_contents(test::bytes_of(values));
  else
    input.mutable_contents()->mutable_fp32_contents()->Add(values.begin(), values.end());
  return request;
}

}  // namespace

TEST_CASE("over gRPC a model gives what the reference gives, as bytes and as numbers") {
  const Served served;
  const std::vector<float> values{0.5F, -1.0F, 2.0F, 0.25F, 1.0F, 1.0F, -3.0F, 0.0F};
  const std::vector<Tensor<float>> src{Tensor<float>({2, 4}, std::span<const float>(values))};
  const Tensor<float> expected = ReferenceExecutor<float>(test::small_network(1)).run(src)[0];
  for (const bool raw : {true, false}) {
    inference::ModelInferResponse response;
    REQUIRE(served.infer(request_of(values, raw), response).ok());
    CHECK(response.model_name() == "small");
    CHECK(response.model_version() == "1");
    CHECK(response.id() == "one");
    REQUIRE(response.outputs_size() == 1);
    CHECK(response.outputs(0).shape(0) == 2);
    CHECK(response.outputs(0).shape(1) == 3);
    std::vector<float> actual(6);
    if (raw) {
      REQUIRE(response.raw_output_contents_size() == 1);
      decode_tensor(ElementType::f32, std::as_bytes(std::span(response.raw_output_contents(0))), actual);
    } else {
      const auto& numbers = response.outputs(0).contents().fp32_contents();
      actual.assign(numbers.begin(), numbers.end());
    }
    REQUIRE(actual.size() == 6);
    for (std::size_t i = 0; i < 6; ++i) CHECK(actual[i] == Approx(expected.flat()[i]).margin(1e-5));
  }
}

TEST_CASE("over gRPC the server and its models say what they are") {
  const Served served;
  {
    ::grpc::ClientContext context;
    inference::ServerLiveResponse response;
    REQUIRE(served.client->ServerLive(&context, {}, &response).ok());
    CHECK(response.live());
  }
  {
    ::grpc::ClientContext context;
    inference::ServerReadyResponse response;
    REQUIRE(served.client->ServerReady(&context, {}, &response).ok());
    CHECK(response.ready());
  }
  {
    ::grpc::ClientContext context;
    inference::ServerMetadataResponse response;
    REQUIRE(served.client->ServerMetadata(&context, {}, &response).ok());
    CHECK(response.name() == "fulcrum");
  }
  inference::ModelReadyRequest which;
  which.set_name("small");
  {
    ::grpc::ClientContext context;
    inference::ModelReadyResponse response;
    REQUIRE(served.client->ModelReady(&context, which, &response).ok());
    CHECK(response.ready());
  }
  which.set_name("nobody");
  {
    ::grpc::ClientContext context;
    inference::ModelReadyResponse response;
    CHECK(served.client->ModelReady(&context, which, &response).error_code() == ::grpc::StatusCode::NOT_FOUND);
  }
  inference::ModelMetadataRequest metadata;
  metadata.set_name("small");
  ::grpc::ClientContext context;
  inference::ModelMetadataResponse response;
  REQUIRE(served.client->ModelMetadata(&context, metadata, &response).ok());
  CHECK(response.name() == "small");
  REQUIRE(response.versions_size() == 1);
  CHECK(response.versions(0) == "1");
  REQUIRE(response.inputs_size() == 1);
  CHECK(response.inputs(0).datatype() == "FP32");
  REQUIRE(response.inputs(0).shape_size() == 2);
  CHECK(response.inputs(0).shape(0) == -1);
}

TEST_CASE("what a client does wrong comes back over gRPC as its code and one sentence") {
  const Served served;
  inference::ModelInferResponse response;
  inference::ModelInferRequest request = request_of({1, 2, 3, 4}, true);
  request.set_model_name("nobody");
  CHECK(served.infer(request, response).error_code() == ::grpc::StatusCode::NOT_FOUND);
  request = request_of({1, 2, 3, 4}, true);
  request.mutable_inputs(0)->set_shape(1, 5);
  const ::grpc::Status status = served.infer(request, response);
  CHECK(status.error_code() == ::grpc::StatusCode::INVALID_ARGUMENT);
  CHECK_THAT(status.error_message(), ContainsSubstring("has 4 number(s) for the shape"));
  const ::grpc::Status too_large = served.infer(request_of(std::vector<float>(1U << 16U), true), response);
  CHECK(too_large.error_code() == ::grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(served.infer(request_of({1, 2, 3, 4}, true), response).ok());
}

TEST_CASE("gRPC asks for the same tokens as HTTP") {
  test::TemporaryFolder folder;
  write_file_atomically(
      folder.path("tokens.json"),
      R"({"tokens": [{"name": "shop", "token": "open-for-inference", "rights": ["infer"], "models": ["small"]}]})");
  const Served served([&](ServerOptions& options) { options.tokens = folder.path("tokens.json"); });
  inference::ModelInferResponse response;
  const inference::ModelInferRequest request = request_of({1, 2, 3, 4}, true);
  CHECK(served.infer(request, response).error_code() == ::grpc::StatusCode::UNAUTHENTICATED);
  const auto with = [](const char* token) {
    return [token](::grpc::ClientContext& context) { context.AddMetadata("authorization", token); };
  };
  CHECK(served.infer(request, response, with("Bearer closed")).error_code() == ::grpc::StatusCode::UNAUTHENTICATED);
  CHECK(served.infer(request, response, with("Bearer open-for-inference")).ok());
  inference::ModelInferRequest other = request;
  other.set_model_name("another");
  CHECK(served.infer(other, response, with("Bearer open-for-inference")).error_code() ==
        ::grpc::StatusCode::PERMISSION_DENIED);
}

TEST_CASE("a server over gRPC that ends answers what it has and takes nothing more") {
  std::promise<void> begun, go;
  std::shared_future<void> may_go = go.get_future().share();
  std::atomic<bool> armed{false};
  const Model<float> sum = ModelBuilder<float>("sum", 1).input({4}).dense(1).build();
  Served served(
      [&](ServerOptions& options) {
        options.hang_after = 10s;
        options.repository.executors = [&](const Model<float>&, const RunConfig& config) {
          return test::SumExecutor(config.batch, 4, [&] {
            if (!armed.exchange(false)) return;
            begun.set_value();
            may_go.wait();
          });
        };
      },
      sum);
  armed = true;
  inference::ModelInferResponse response;
  auto answered = std::async(std::launch::async, [&] {
    return served.infer(request_of({1, 2, 3, 4}, true), response);
  });
  begun.get_future().wait();
  auto ended = std::async(std::launch::async, [&] { served.grpc->end(); });
  std::this_thread::sleep_for(20ms);
  go.set_value();
  CHECK(answered.get().ok());
  ended.get();
  CHECK(served.server->drain());
  inference::ModelInferResponse late;
  CHECK(served.infer(request_of({1, 2, 3, 4}, true), late).error_code() == ::grpc::StatusCode::UNAVAILABLE);
  bool told = false;
  served.server->infer({.model = "small"}, [&](const DirectAnswer& answer) {
    told = true;
    CHECK(answer.status == 503);
  });
  CHECK(told);
}

TEST_CASE("with a certificate gRPC speaks TLS, and with a file that is none it does not start") {
  const test::TemporaryFolder folder;
  const std::string made =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
      "-addext subjectAltName=DNS:localhost -keyout '" +
      folder.path("key.pem") + "' -out '" + folder.path("cert.pem") + "' 2>/dev/null";
  if (std::system(made.c_str()) != 0) {
    WARN("openssl is not there: nothing was tested");
    return;
  }
  GrpcOptions tls;
  tls.tls_certificate = folder.path("cert.pem");
  tls.tls_key = folder.path("key.pem");
  ::grpc::SslCredentialsOptions trusted;
  trusted.pem_root_certs = read_file(folder.path("cert.pem"));
  const std::shared_ptr<::grpc::ChannelCredentials> trusting = ::grpc::SslCredentials(trusted);
  const Served served({}, test::small_network(1), tls, trusting);
  inference::ModelInferResponse response;
  CHECK(served.infer(request_of({1, 2, 3, 4}, true), response).ok());

  const auto plain = inference::GRPCInferenceService::NewStub(::grpc::CreateChannel(
      "ipv4:127.0.0.1:" + std::to_string(served.grpc->port()), ::grpc::InsecureChannelCredentials()));
  ::grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 5s);
  CHECK_FALSE(plain->ModelInfer(&context, request_of({1, 2, 3, 4}, true), &response).ok());

  write_file_atomically(folder.path("key.pem"), "no key");
  CHECK_THROWS_AS(Served({}, test::small_network(1), tls, trusting), Error);
}
