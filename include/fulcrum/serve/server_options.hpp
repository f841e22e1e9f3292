#pragma once
/// \file
/// How an InferenceServer listens, and what it lets clients do.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/serve/model_repository.hpp>

namespace fulcrum {

/// Bounds on what one client can take.
struct ServerLimits {
  std::size_t header_bytes = 16'384;            ///< of a request's header; ≥ 512
  std::size_t body_bytes = 64U << 20U;          ///< of a request's body
  int connections = 1024;                       ///< at the same time; more are closed at once; ≥ 1
  std::chrono::milliseconds idle{60'000};       ///< from one response to the whole header of the next request; > 0
  std::chrono::milliseconds handshake{10'000};  ///< of TLS; > 0
  /// For a body to come or a response to be taken, and a second more for each `least_rate` of its bytes; > 0
  std::chrono::milliseconds transfer{10'000};
  std::size_t least_rate = 1U << 17U;  ///< bytes per second of a client that is not cut off; ≥ 1
};

struct ServerOptions {
  std::string address = "127.0.0.1";  ///< to listen at; "0.0.0.0": on every network
  std::uint16_t port = 8080;          ///< 0: one that is free (InferenceServer::port())
  int io_threads = 1;                 ///< that talk to clients; ≥ 1
  /// Inferences that take no longer, where requests come far enough apart, run on the thread that read them when an
  /// instance is free: to wake another takes about as long; ≥ 0; 0: none do.
  std::chrono::microseconds short_run{200};
  bool share_port = false;  ///< other processes may listen at the same port (SO_REUSEPORT)
  ServerLimits limits{};
  RepositoryOptions repository{};
  bool changes = true;                        ///< clients may load and unload models and change their traffic
  std::string tokens{};                       ///< file of AccessRules, reread when it changes; empty: all may do all
  std::string tls_certificate{}, tls_key{};   ///< PEM files (the certificate with its chain); empty: no TLS
  std::vector<std::string> model_keys{};      ///< see check_signature(); empty: models need no signature
  std::chrono::milliseconds hang_after{500};  ///< see WatchedRunner::look(); > 0
  std::chrono::milliseconds drain_delay{0};   ///< not ready, but still taking connections, before draining
  std::chrono::milliseconds drain_timeout{30'000};  ///< requests that take longer are cut when draining
  std::uint64_t trace_requests = 0;                 ///< one in so many requests is logged; 0: none
  /// Is given one line of JSON for each thing that happened, from any thread; empty: nothing is logged.
  std::function<void(std::string_view line)> log{};
};

/// \throws Error naming what is out of range
FULCRUM_DECLARE void validate(const ServerOptions& options);

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

namespace fulcrum {

FULCRUM_DEFINE void validate(const ServerOptions& options) {
  const auto check = [](const char* what, bool good, const char* remedy) {
    if (!good) throw Error(what, "is out of range", remedy);
  };
  const ServerLimits& limits = options.limits;
  check("the largest header", limits.header_bytes >= 512 && limits.header_bytes <= (1U << 20U),
        "give 512 to 1,048,576 bytes");
  check("the largest body", limits.body_bytes >= 1 && limits.body_bytes <= (std::size_t{1} << 40U),
        "give 1 byte to 1 TiB");
  check("the number of connections", limits.connections >= 1, "give 1 or more");
  check("a time limit of connections",
        limits.idle.count() > 0 && limits.handshake.count() > 0 && limits.transfer.count() > 0, "give times above 0");
  check("the least rate of a client", limits.least_rate >= 1, "give a number above 0");
  check("the number of threads that talk to clients", options.io_threads >= 1 && options.io_threads <= 1024,
        "give a number from 1 to 1,024");
  check("the time of a short inference", options.short_run.count() >= 0 && options.short_run <= std::chrono::seconds(1),
        "give a time from 0 to a second");
  check("the time after which an instance hangs", options.hang_after.count() > 0, "give a time above 0");
  check("a certificate of TLS without its key, or a key without its certificate,",
        options.tls_certificate.empty() == options.tls_key.empty(), "give both");
  check("the time to drain", options.drain_delay.count() >= 0 && options.drain_timeout.count() >= 0,
        "give a time of 0 or more");
}

}  // namespace fulcrum

#endif
