#pragma once
/// \file
/// A request and its reply, as the server's front sees them: without HTTP's library.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/serve/detail/inference_call.hpp>
#include <fulcrum/serve/inference_protocol.hpp>

namespace fulcrum::detail {

struct HttpRequest {
  std::string method, target, peer, who = "anybody";
  std::string authorization, timeout_ms, routing_key;
  std::optional<std::size_t> json_bytes;  // Inference-Header-Content-Length
  std::shared_ptr<InferenceCall> call;    // holds the body, whatever it is for

  [[nodiscard]] std::string_view body() const noexcept { return call->json; }
};

struct HttpReply {
  int status = 200;
  std::string body{};
  std::string_view content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers{};
  std::vector<std::span<const std::byte>> more{};  // of the body, behind `body`
  std::shared_ptr<void> keep{};                    // what `more` points into
};

/// Takes the reply, from any thread, once.
using ReplyFunction = std::function<void(HttpReply)>;

inline HttpReply error_reply(int status, const std::string& message) { return {status, error_body(message)}; }

inline HttpReply error_reply(const RequestError& error) { return error_reply(error.status(), error.what()); }

/// The parts of a path, which begins with '/': "/v2/models/a" → "v2", "models", "a". What follows '?' is not read.
inline std::vector<std::string_view> path_parts(std::string_view target) {
  target = target.substr(0, target.find('?'));
  std::vector<std::string_view> parts;
  while (!target.empty()) {
    target.remove_prefix(target.front() == '/' ? 1 : 0);
    const std::size_t end = std::min(target.find('/'), target.size());
    if (end > 0 || !target.empty()) parts.push_back(target.substr(0, end));
    target.remove_prefix(end);
  }
  while (!parts.empty() && parts.back().empty()) parts.pop_back();
  return parts;
}

}  // namespace fulcrum::detail
