#pragma once
/// \file
/// Requests and responses of the KServe v2 protocol (open inference protocol, REST) with the extension for binary
/// tensors, apart from how they travel.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/element_type.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/shape.hpp>
#include <fulcrum/serve/request_error.hpp>

namespace fulcrum {

/// An input or output of a model, as its metadata say.
struct TensorSpec {
  std::string name;
  ElementType element = ElementType::f32;
  Shape shape;  ///< batch_dim (−1) where a request may have any number of samples

  friend bool operator==(const TensorSpec&, const TensorSpec&) = default;
};

/// {"name", "datatype", "shape"}
FULCRUM_DECLARE [[nodiscard]] nlohmann::json to_json(const TensorSpec& spec);

/// A tensor that a client sent.
struct SentTensor {
  std::string name;
  Shape shape;
  ElementType datatype = ElementType::f32;
  bool binary = false;
  std::vector<float> values{};         ///< of JSON; empty when binary
  std::span<const std::byte> bytes{};  ///< when binary: a part of the body
};

/// An output that a client wants.
struct WantedOutput {
  std::string name;
  bool binary = false;
};

struct InferenceRequest {
  std::string id{};
  std::vector<SentTensor> inputs{};
  std::vector<WantedOutput> outputs{};                 ///< empty: all of them
  bool binary_outputs = false;                         ///< of outputs that are not listed
  std::optional<std::chrono::microseconds> timeout{};  ///< parameters.timeout
  std::string key{};                                   ///< parameters.routing_key: who asks, for sticky traffic
};

/// The request that a body holds.
/// \param json    its first part, of as many bytes as Inference-Header-Content-Length says; without that header, all
/// \param binary  what follows; the request's tensors point into it
/// \throws RequestError of status 400 in one sentence that names the field. Memory is at most some 8 times the body.
FULCRUM_DECLARE [[nodiscard]] InferenceRequest parse_inference_request(std::string_view json,
                                                                       std::span<const std::byte> binary);

/// An output on its way to a client.
struct SentOutput {
  const TensorSpec* spec = nullptr;
  Shape shape;                      ///< with the number of samples
  std::span<const float> values{};  ///< must stay while the response is sent
  bool binary = false;
};

/// A body in parts: the JSON, and behind it the tensors that go as bytes.
struct InferenceResponse {
  std::string json;
  std::vector<std::span<const std::byte>> binary{};  ///< in order; parts of `values` or of `converted`
  std::vector<std::vector<std::byte>> converted{};   ///< of types other than FP32
};

/// NaN and infinities, which JSON lacks, are null there; binary tensors have them.
/// \param id  as it was sent; empty: none
FULCRUM_DECLARE [[nodiscard]] InferenceResponse make_inference_response(const std::string& model,
                                                                        const std::string& version,
                                                                        const std::string& id,
                                                                        std::span<const SentOutput> outputs);

/// {"error": …}
FULCRUM_DECLARE [[nodiscard]] std::string error_body(const std::string& message);

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)
#include <fulcrum/serve/detail/inference_messages.hpp>
#endif
