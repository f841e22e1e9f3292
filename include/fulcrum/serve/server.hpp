#pragma once
/// \file
/// A server of models over HTTP, in a process of one's own.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/serve/model_repository.hpp>
#include <fulcrum/serve/server_options.hpp>

namespace fulcrum {

namespace detail {
class ServerProcess;
}

/// Serves the models of a folder by the KServe v2 protocol (docs/serving.md):
///
///     ServerOptions options;
///     options.repository.folder = "models";  // NAME/VERSION/model.onnx
///     InferenceServer server(options);       // listens at once, and is ready when the models are loaded
///     …
///     server.drain();                        // finishes what it has
class InferenceServer {
public:
  /// Listens; models are loaded by load().
  /// \throws Error when an option is out of range, there is no such folder, or the port cannot be had
  FULCRUM_DECLARE explicit InferenceServer(const ServerOptions& options);
  InferenceServer(const InferenceServer&) = delete;
  InferenceServer& operator=(const InferenceServer&) = delete;
  /// As drain().
  FULCRUM_LINKAGE ~InferenceServer();

  /// Loads the newest version of every model, and then says that it is ready.
  /// \return one sentence for each model that could not be loaded
  FULCRUM_DECLARE std::vector<std::string> load();

  /// Where it listens.
  FULCRUM_DECLARE [[nodiscard]] std::uint16_t port() const noexcept;
  FULCRUM_DECLARE [[nodiscard]] bool ready() const noexcept;
  FULCRUM_DECLARE [[nodiscard]] ModelRepository& repository() noexcept;

  /// Says that it is not ready, takes no more connections, finishes the requests it has and ends. Called again, it does
  /// nothing.
  /// \return whether all requests were finished in time
  FULCRUM_DECLARE bool drain();

private:
  std::shared_ptr<detail::ServerProcess> process_;  // shared: it is destroyed where it is incomplete
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)
#include <fulcrum/serve/detail/server_process.hpp>
#endif
