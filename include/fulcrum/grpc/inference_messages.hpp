#pragma once
/// \file
/// Requests and answers of the KServe v2 protocol as gRPC's messages have them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <open_inference.pb.h>

#include <fulcrum/serve/direct_call.hpp>
#include <fulcrum/serve/request_error.hpp>
#include <fulcrum/serve/tensor_bytes.hpp>

namespace fulcrum {

/// The call that a message asks for. Values come as `contents`, or all of them as `raw_input_contents`.
/// \throws RequestError of status 400 naming the field
[[nodiscard]] inline DirectCall direct_call(const inference::ModelInferRequest& message);

/// What a message answers. Precondition: answer.status == 200
/// \param raw  values as bytes, as they do well whose request came so
inline void fill(inference::ModelInferResponse& message, const DirectAnswer& answer, bool raw);

/// Name, datatype and shape, as in ModelMetadataResponse.
inline void fill(inference::ModelMetadataResponse::TensorMetadata& message, const TensorSpec& spec);

}  // namespace fulcrum

namespace fulcrum::detail {

template <class Field>
std::vector<float> floats_of(const Field& field) {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(field.size()));
  for (const auto value : field) values.push_back(static_cast<float>(value));
  return values;
}

/// The values of the one field that a datatype has.
inline std::vector<float> contents_of(ElementType type, const inference::InferTensorContents& contents) {
  switch (type) {
    case ElementType::f32: return floats_of(contents.fp32_contents());
    case ElementType::f64: return floats_of(contents.fp64_contents());
    case ElementType::s8:
    case ElementType::s16:
    case ElementType::s32: return floats_of(contents.int_contents());
    case ElementType::s64: return floats_of(contents.int64_contents());
    case ElementType::u8:
    case ElementType::u16:
    case ElementType::u32: return floats_of(contents.uint_contents());
    case ElementType::u64: return floats_of(contents.uint64_contents());
    case ElementType::boolean: return floats_of(contents.bool_contents());
    case ElementType::f16:
    case ElementType::bf16: break;
  }
  throw RequestError(400, std::string(kserve_datatype(type)), "has no field in contents",
                     "send the values as raw_input_contents");
}

inline void add_contents(inference::InferTensorContents& contents, ElementType type, std::span<const float> values) {
  const auto add = [&](auto* field, auto as) {
    field->Reserve(static_cast<int>(values.size()));
    for (const float value : values) field->Add(static_cast<decltype(as)>(value));
  };
  switch (type) {
    case ElementType::f32: contents.mutable_fp32_contents()->Add(values.begin(), values.end()); return;
    case ElementType::f64: return add(contents.mutable_fp64_contents(), double{});
    case ElementType::s8:
    case ElementType::s16:
    case ElementType::s32: return add(contents.mutable_int_contents(), std::int32_t{});
    case ElementType::s64: return add(contents.mutable_int64_contents(), std::int64_t{});
    case ElementType::u8:
    case ElementType::u16:
    case ElementType::u32: return add(contents.mutable_uint_contents(), std::uint32_t{});
    case ElementType::u64: return add(contents.mutable_uint64_contents(), std::uint64_t{});
    case ElementType::boolean:
      for (const float value : values) contents.add_bool_contents(value != 0.0F);
      return;
    case ElementType::f16:
    case ElementType::bf16: return;  // they go as bytes alone
  }
}

inline std::string bytes_of(const SentOutput& output) {
  std::string bytes(output.values.size() * wire_bytes(output.spec->element), '\0');
  encode_tensor(output.spec->element, output.values, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace fulcrum::detail

namespace fulcrum {

inline DirectCall direct_call(const inference::ModelInferRequest& message) {
  DirectCall call;
  call.model = message.model_name();
  call.version = message.model_version();
  call.request.id = message.id();
  if (const auto timeout = message.parameters().find("timeout"); timeout != message.parameters().end()) {
    const std::int64_t us = timeout->second.int64_param();
    if (us < 0 || us > std::int64_t{86'400} * 1'000'000)
      throw RequestError(400, "parameters.timeout", "is out of range", "give µs from 0 to a day in int64_param");
    call.request.timeout = std::chrono::microseconds(us);
  }
  if (const auto key = message.parameters().find("routing_key"); key != message.parameters().end())
    call.request.key = key->second.string_param();
  const bool raw = message.raw_input_contents_size() > 0;
  if (raw && message.raw_input_contents_size() != message.inputs_size()) {
    throw RequestError(400, "raw_input_contents",
                       "are " + std::to_string(message.raw_input_contents_size()) + ", but there are " +
                           std::to_string(message.inputs_size()) + " inputs");
  }
  for (int i = 0; i < message.inputs_size(); ++i) {
    const auto& input = message.inputs(i);
    const std::string where = "input '" + input.name().substr(0, 255) + "'";
    const auto type = element_from_kserve(input.datatype());
    if (!type) throw RequestError(400, where, "has no datatype of numbers (FP32, INT64, …)");
    SentTensor tensor;
    tensor.name = input.name();
    tensor.datatype = *type;
    tensor.shape.assign(input.shape().begin(), input.shape().end());
    if (raw) {
      const std::string& bytes = message.raw_input_contents(i);
      if (bytes.size() % wire_bytes(*type) != 0)
        throw RequestError(400, where, "has bytes that are no whole number of " + input.datatype());
      tensor.values.resize(bytes.size() / wire_bytes(*type));
      decode_tensor(*type, std::as_bytes(std::span(bytes)), tensor.values);
    } else {
      tensor.values = detail::contents_of(*type, input.contents());
    }
    call.request.inputs.push_back(std::move(tensor));
  }
  for (const auto& output : message.outputs()) call.request.outputs.push_back({output.name(), false});
  check_values(call.request);
  return call;
}

inline void fill(inference::ModelInferResponse& message, const DirectAnswer& answer, bool raw) {
  message.set_model_name(answer.model);
  message.set_model_version(answer.version);
  message.set_id(answer.id);
  // Bytes are of all outputs or of none, and these types have no other form.
  raw = raw || std::any_of(answer.outputs.begin(), answer.outputs.end(), [](const SentOutput& output) {
          return output.spec->element == ElementType::f16 || output.spec->element == ElementType::bf16;
        });
  for (const SentOutput& output : answer.outputs) {
    auto& tensor = *message.add_outputs();
    tensor.set_name(output.spec->name);
    tensor.set_datatype(std::string(kserve_datatype(output.spec->element)));
    tensor.mutable_shape()->Add(output.shape.begin(), output.shape.end());
    if (raw)
      message.add_raw_output_contents(detail::bytes_of(output));
    else
      detail::add_contents(*tensor.mutable_contents(), output.spec->element, output.values);
  }
}

inline void fill(inference::ModelMetadataResponse::TensorMetadata& message, const TensorSpec& spec) {
  message.set_name(spec.name);
  message.set_datatype(std::string(kserve_datatype(spec.element)));
  message.mutable_shape()->Add(spec.shape.begin(), spec.shape.end());
}

}  // namespace fulcrum
