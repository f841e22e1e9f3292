#pragma once
/// \file
/// Random samples for a server that speaks KServe v2, as a load sends them.

#include <cstdint>
#include <memory>
#include <string>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/load/completion.hpp>

namespace fulcrum {

namespace detail {
class HttpLoadState;
}

/// Where a model is served.
struct ServedAt {
  std::string host;         ///< a name or an address
  std::uint16_t port = 80;  ///< > 0
  std::string model;
  std::string version;  ///< empty: none is named
};

/// "http://HOST[:PORT]/v2/models/NAME[/versions/V]"
/// \throws Error when the text is none
FULCRUM_DECLARE [[nodiscard]] ServedAt served_at(const std::string& url);

struct HttpLoadOptions {
  int connections = 64;    ///< at the same time, each with one request on its way; more requests wait for one; ≥ 1
  bool binary = true;      ///< tensors as bytes
  int samples = 16;        ///< that are sent in turn; ≥ 1
  std::string token{};     ///< sent as Authorization: Bearer; empty: none
  std::uint64_t seed = 0;  ///< of the samples
};

/// Sends random samples of a served model over connections that are kept, for generate_load():
///
///     const HttpLoad load(served_at("http://127.0.0.1:8080/v2/models/classifier"));
///     const LoadReport report = generate_load(load, Server{PoissonArrivals{200.0}});
///
/// 200 is done, 429 rejected, 504 expired, anything else failed. RequestOutcome::started is when the model began to
/// run, by the server's Server-Timing. Copies share the connections. Integer inputs are 0 or 1: their range is not in
/// the protocol.
class HttpLoad {
public:
  /// Asks the server what the model takes.
  /// \throws Error when nobody answers, or the answer is not as the protocol says
  FULCRUM_DECLARE explicit HttpLoad(const ServedAt& where, const HttpLoadOptions& options = {});

  FULCRUM_DECLARE bool operator()(std::int64_t sample, const Completion& done) const;

  /// Bytes of a request's body.
  FULCRUM_DECLARE [[nodiscard]] std::size_t request_bytes() const noexcept;

private:
  std::shared_ptr<detail::HttpLoadState> state_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)
#include <fulcrum/serve/detail/http_load_client.hpp>
#endif
