#pragma once
/// \file
/// A server of models over HTTP, in a process of one's own.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/serve/access_rules.hpp>
#include <fulcrum/serve/direct_call.hpp>
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

  /// Runs an inference that does not come over HTTP, with the same tokens, traffic, queues, caches and metrics.
  /// \param done  is told how it ended, also of what cannot be begun
  FULCRUM_DECLARE void infer(DirectCall call, DirectDone done);

  /// \param authorization  "Bearer …"
  /// \param model          empty: none in particular
  /// \throws RequestError of status 401 or 403 where the server has tokens and this is none with that right
  FULCRUM_DECLARE void check_access(std::string_view authorization, AccessRight right, std::string_view model) const;

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
