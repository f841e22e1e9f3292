#pragma once
/// \file
/// An inference that is asked of a server in its own process, past HTTP: what a front of another protocol stands on.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/serve/inference_protocol.hpp>

namespace fulcrum {

struct DirectCall {
  std::string model;
  std::string version{};        ///< empty: as the model's traffic says
  InferenceRequest request{};   ///< of tensors that hold their values, not bytes of somebody else
  std::string authorization{};  ///< "Bearer …", where the server has tokens
  std::optional<std::chrono::steady_clock::time_point> deadline{};
};

struct DirectAnswer {
  int status = 200;                ///< of HTTP (docs/serving.md)
  std::string message{};           ///< empty: it went well
  std::string model{}, version{};  ///< that answered
  std::string id{};                ///< of the request
  std::vector<SentOutput> outputs{};
  std::shared_ptr<const void> keep{};  ///< what `outputs` point into
};

/// Takes the answer: once, from any thread, maybe before the call has returned.
using DirectDone = std::function<void(const DirectAnswer&)>;

/// \throws RequestError of status 400 when a tensor's values are not as many as its shape says, or come as bytes
FULCRUM_DECLARE void check_values(const InferenceRequest& request);

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

namespace fulcrum {

FULCRUM_DEFINE void check_values(const InferenceRequest& request) {
  for (const SentTensor& tensor : request.inputs) {
    const std::string where = "input '" + tensor.name.substr(0, 255) + "'";
    if (tensor.binary) throw RequestError(400, where, "comes as bytes, but a call in the process takes values");
    std::int64_t elements = 1;
    bool counted = true;
    for (const std::int64_t extent : tensor.shape)
      counted = counted && extent >= 0 && !__builtin_mul_overflow(elements, extent, &elements);
    if (!counted || static_cast<std::uint64_t>(elements) != tensor.values.size()) {
      throw RequestError(
          400, where,
          "has " + std::to_string(tensor.values.size()) + " number(s) for the shape " + to_string(tensor.shape));
    }
  }
}

}  // namespace fulcrum

#endif
