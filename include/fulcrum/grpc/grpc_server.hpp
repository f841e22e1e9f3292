#pragma once
/// \file
/// A server's models over gRPC, beside HTTP.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <grpcpp/grpcpp.h>

#include <open_inference.grpc.pb.h>

#include <fulcrum/core/file.hpp>
#include <fulcrum/grpc/inference_messages.hpp>
#include <fulcrum/serve/server.hpp>

namespace fulcrum {

struct GrpcOptions {
  std::string address = "127.0.0.1";           ///< to listen at; "0.0.0.0": on every network
  std::uint16_t port = 8081;                   ///< 0: one that is free (GrpcServer::port())
  std::size_t message_bytes = 64U << 20U;      ///< of a request; 1 … 2^31 − 1
  std::string tls_certificate{}, tls_key{};    ///< PEM files; empty: no TLS
  std::chrono::milliseconds patience{30'000};  ///< for requests to be finished when ending
};

/// Serves what an InferenceServer has by inference.GRPCInferenceService: the same models, traffic, queues and tokens
/// (in the metadata `authorization`). A client's deadline counts as that of its request.
///
///     InferenceServer server(options);
///     GrpcServer grpc(server, {.port = 8081});
///     server.load();
class GrpcServer {
public:
  /// \param server  must outlive this
  /// \throws Error when the port cannot be had or a file of TLS not be read
  GrpcServer(InferenceServer& server, const GrpcOptions& options);
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;
  ~GrpcServer() { end(); }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// Takes no more requests and finishes those that it has; called again, it does nothing. To be called before the
  /// server is drained.
  void end();

private:
  class Service;
  std::unique_ptr<Service> service_;
  std::unique_ptr<::grpc::Server> listener_;
  std::uint16_t port_ = 0;
  std::chrono::milliseconds patience_;
};

}  // namespace fulcrum

namespace fulcrum::detail {

/// What gRPC calls a status of HTTP.
inline ::grpc::Status grpc_status(int status, const std::string& message) {
  using ::grpc::StatusCode;
  const auto code = [status] {
    switch (status) {
      case 400: return StatusCode::INVALID_ARGUMENT;
      case 401: return StatusCode::UNAUTHENTICATED;
      case 403: return StatusCode::PERMISSION_DENIED;
      case 404: return StatusCode::NOT_FOUND;
      case 413:
      case 429: return StatusCode::RESOURCE_EXHAUSTED;
      case 503: return StatusCode::UNAVAILABLE;
      case 504: return StatusCode::DEADLINE_EXCEEDED;
      default: return StatusCode::INTERNAL;
    }
  };
  return {code(), message};
}

inline std::string authorization_of(const ::grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find("authorization");
  return found == context.client_metadata().end() ? std::string()
                                                  : std::string(found->second.data(), found->second.size());
}

}  // namespace fulcrum::detail

namespace fulcrum {

class GrpcServer::Service final : public inference::GRPCInferenceService::CallbackService {
public:
  explicit Service(InferenceServer& server) : server_(server) {}

  using Context = ::grpc::CallbackServerContext;
  using Reactor = ::grpc::ServerUnaryReactor;

  Reactor* ServerLive(Context* context, const inference::ServerLiveRequest*,
                      inference::ServerLiveResponse* response) override {
    response->set_live(true);
    return finished(context, ::grpc::Status::OK);
  }

  Reactor* ServerReady(Context* context, const inference::ServerReadyRequest*,
                       inference::ServerReadyResponse* response) override {
    response->set_ready(server_.ready());
    return finished(context, ::grpc::Status::OK);
  }

  Reactor* ServerMetadata(Context* context, const inference::ServerMetadataRequest*,
                          inference::ServerMetadataResponse* response) override {
    return finished(context, [&] {
      server_.check_access(detail::authorization_of(*context), AccessRight::infer, {});
      response->set_name("fulcrum");
      response->set_version("2");
    });
  }

  Reactor* ModelReady(Context* context, const inference::ModelReadyRequest* request,
                      inference::ModelReadyResponse* response) override {
    return finished(context, [&] {
      server_.check_access(detail::authorization_of(*context), AccessRight::infer, request->name());
      try {
        static_cast<void>(server_.repository().find(request->name(), request->version()));
        response->set_ready(true);
      } catch (const RequestError& error) {
        if (error.status() != 503) throw;
      }
    });
  }

  Reactor* ModelMetadata(Context* context, const inference::ModelMetadataRequest* request,
                         inference::ModelMetadataResponse* response) override {
    return finished(context, [&] {
      server_.check_access(detail::authorization_of(*context), AccessRight::infer, request->name());
      const auto version = server_.repository().find(request->name(), request->version());
      response->set_name(version->model());
      for (std::string& loaded : server_.repository().loaded_versions(version->model()))
        response->add_versions(std::move(loaded));
      response->set_platform("onnx_fulcrum");
      for (const TensorSpec& spec : version->inputs()) fill(*response->add_inputs(), spec);
      for (const TensorSpec& spec : version->outputs()) fill(*response->add_outputs(), spec);
    });
  }

  Reactor* ModelInfer(Context* context, const inference::ModelInferRequest* request,
                      inference::ModelInferResponse* response) override {
    Reactor* const reactor = context->DefaultReactor();
    const bool raw = request->raw_input_contents_size() > 0;
    try {
      DirectCall call = direct_call(*request);
      call.authorization = detail::authorization_of(*context);
      if (const auto deadline = context->deadline(); deadline != std::chrono::system_clock::time_point::max()) {
        call.deadline =
            std::chrono::steady_clock::now() +
            std::chrono::duration_cast<std::chrono::nanoseconds>(std::min<std::chrono::system_clock::duration>(
                deadline - std::chrono::system_clock::now(), std::chrono::hours(24)));
      }
      server_.infer(std::move(call), [reactor, response, raw](const DirectAnswer& answer) {
        if (answer.status == 200) fill(*response, answer, raw);
        reactor->Finish(answer.status == 200 ? ::grpc::Status::OK : detail::grpc_status(answer.status, answer.message));
      });
    } catch (const RequestError& error) {
      reactor->Finish(detail::grpc_status(error.status(), error.what()));
    } catch (const std::exception& error) {
      reactor->Finish(detail::grpc_status(500, error.what()));
    }
    return reactor;
  }

private:
  static Reactor* finished(Context* context, const ::grpc::Status& status) {
    Reactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  }

  template <class Answer>
  static Reactor* finished(Context* context, const Answer& answer) requires requires {
    answer();
  }
  {
    try {
      answer();
    } catch (const RequestError& error) {
      return finished(context, detail::grpc_status(error.status(), error.what()));
    } catch (const std::exception& error) {
      return finished(context, detail::grpc_status(500, error.what()));
    }
    return finished(context, ::grpc::Status::OK);
  }

  InferenceServer& server_;
};

inline GrpcServer::GrpcServer(InferenceServer& server, const GrpcOptions& options)
    : service_(std::make_unique<Service>(server)), patience_(options.patience) {
  if (options.message_bytes < 1 || options.message_bytes > std::numeric_limits<int>::max())
    throw Error("the largest message of gRPC", "is out of range", "give 1 to 2,147,483,647 bytes");
  std::shared_ptr<::grpc::ServerCredentials> credentials = ::grpc::InsecureServerCredentials();
  if (!options.tls_certificate.empty()) {
    constexpr std::size_t most = 1U << 20U;
    ::grpc::SslServerCredentialsOptions tls;
    tls.pem_key_cert_pairs.push_back({read_file(options.tls_key, most), read_file(options.tls_certificate, most)});
    credentials = ::grpc::SslServerCredentials(tls);
  }
  const bool v6 = options.address.find(':') != std::string::npos;
  const std::string where = (v6 ? "[" + options.address + "]" : options.address) + ":" + std::to_string(options.port);
  int port = 0;
  ::grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(where, credentials, &port);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes));
  builder.RegisterService(service_.get());
  listener_ = builder.BuildAndStart();
  if (!listener_ || port == 0) throw Error(where, "cannot be listened at by gRPC", "choose another address or port");
  port_ = static_cast<std::uint16_t>(port);
}

inline void GrpcServer::end() {
  if (!listener_) return;
  listener_->Shutdown(std::chrono::system_clock::now() + patience_);
  listener_->Wait();
  listener_.reset();
}

}  // namespace fulcrum
