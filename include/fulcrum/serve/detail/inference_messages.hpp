#pragma once
/// \file
/// The bodies of inference requests and responses.

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/serve/inference_protocol.hpp>
#include <fulcrum/serve/tensor_bytes.hpp>

namespace fulcrum::detail {

/// Takes nlohmann's parser through a request: small things become a document, the numbers of tensors go straight into
/// vectors. A document of a million numbers would take sixteen times their bytes.
class InferenceRequestSax {
public:
  using Json = nlohmann::json;

  Json document;
  std::vector<std::vector<float>> data;  // of each element of inputs
  std::string error;                     // why parsing ended

  bool null() { return data_depth_ > 0 ? fail("a tensor's data hold null") : put(nullptr); }
  bool boolean(bool value) { return data_depth_ > 0 ? number(value ? 1.0F : 0.0F) : put(value); }
  bool number_integer(Json::number_integer_t value) {
    return data_depth_ > 0 ? number(static_cast<float>(value)) : put(value);
  }
  bool number_unsigned(Json::number_unsigned_t value) {
    return data_depth_ > 0 ? number(static_cast<float>(value)) : put(value);
  }
  bool number_float(Json::number_float_t value, const Json::string_t&) {
    return data_depth_ > 0 ? number(to_float(value)) : put(value);
  }
  bool string(Json::string_t& value) {
    return data_depth_ > 0 ? fail("a tensor's data hold text, and no model here takes BYTES") : put(std::move(value));
  }
  bool binary(Json::binary_t&) { return fail("is no JSON"); }

  bool start_object(std::size_t) {
    if (data_depth_ > 0) return fail("a tensor's data hold an object");
    return open(Json::object());
  }
  bool key(Json::string_t& name) {
    key_ = std::move(name);
    if (open_.size() == 1) root_key_ = key_;
    return true;
  }
  bool end_object() {
    open_.pop_back();
    return true;
  }
  bool start_array(std::size_t) {
    if (data_depth_ > 0) return ++data_depth_ <= most_deep || fail("a tensor's data are too deep");
    if (open_.size() == 3 && root_key_ == "inputs" && open_.back()->is_object() && key_ == "data") {
      data.resize(open_[1]->size());
      data.back().clear();
      data_depth_ = 1;
      return true;
    }
    return open(Json::array());
  }
  bool end_array() {
    if (data_depth_ > 0) {
      --data_depth_;
    } else {
      open_.pop_back();
    }
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    if (error.empty()) error = "is no JSON: it goes wrong at byte " + std::to_string(position);
    return false;
  }

private:
  static constexpr std::size_t most_deep = 32;
  static constexpr std::size_t most_values = 100'000;  // that are no data of tensors

  static float to_float(double value) noexcept {
    constexpr double most = std::numeric_limits<float>::max();
    if (value > most) return std::numeric_limits<float>::infinity();
    return value < -most ? -std::numeric_limits<float>::infinity() : static_cast<float>(value);
  }

  bool fail(const char* what) {
    error = what;
    return false;
  }
  bool number(float value) {
    data.back().push_back(value);
    return true;
  }
  Json* place(Json&& value) {
    if (open_.empty()) {
      document = std::move(value);
      return &document;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    Json& at = (*open_.back())[key_];
    at = std::move(value);
    return &at;
  }
  template <class Value>
  bool put(Value&& value) {
    if (++values_ > most_values) return fail("holds too many values that belong to no tensor");
    place(Json(std::forward<Value>(value)));
    return true;
  }
  bool open(Json&& value) {
    if (++values_ > most_values) return fail("holds too many values that belong to no tensor");
    if (open_.size() >= most_deep) return fail("is nested too deep");
    open_.push_back(place(std::move(value)));
    return true;
  }

  std::vector<Json*> open_;  // from the document inwards
  std::string key_, root_key_;
  std::size_t data_depth_ = 0;
  std::size_t values_ = 0;
};

inline SentTensor sent_tensor(const JsonReader& j) {
  SentTensor tensor;
  tensor.name = j.at("name").text();
  const std::string datatype = j.at("datatype").text();
  const auto type = element_from_kserve(datatype);
  if (!type) j.at("datatype").fail("a datatype of numbers (FP32, INT64, …)");
  tensor.datatype = *type;
  std::int64_t elements = 1;
  for (const JsonReader& extent : j.at("shape").elements()) {
    tensor.shape.push_back(extent.integer<std::int64_t>(0, std::int64_t{1} << 31U));
    if (__builtin_mul_overflow(elements, tensor.shape.back(), &elements) || elements > (std::int64_t{1} << 40U))
      j.at("shape").fail("one of at most 2^40 elements");
  }
  if (tensor.shape.size() > 16) j.at("shape").fail("one of at most 16 axes");
  return tensor;
}

/// Whether parameters of this object ask for bytes.
inline std::optional<bool> wants_binary(const JsonReader& j, const char* key) {
  const auto parameters = j.find("parameters");
  const auto binary = parameters ? parameters->find(key) : std::nullopt;
  return binary ? std::optional(binary->boolean()) : std::nullopt;
}

inline void append_number(std::string& text, float value) {
  if (!std::isfinite(value)) {
    text += "null";
    return;
  }
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end);
}

inline void append_numbers(std::string& text, const SentOutput& output) {
  const bool boolean = output.spec->element == ElementType::boolean;
  const bool whole = boolean || integer_bits(output.spec->element) > 0;
  text.reserve(text.size() + 12 * output.values.size());
  for (std::size_t i = 0; i < output.values.size(); ++i) {
    if (i > 0) text += ',';
    const float value = output.values[i];
    if (boolean)
      text += value != 0.0F ? "true" : "false";
    else if (whole && std::abs(value) < 9e18F)
      text += std::to_string(static_cast<std::int64_t>(value));
    else
      append_number(text, value);
  }
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE nlohmann::json to_json(const TensorSpec& spec) {
  return {{"name", valid_utf8(spec.name)}, {"datatype", kserve_datatype(spec.element)}, {"shape", spec.shape}};
}

FULCRUM_DEFINE InferenceRequest parse_inference_request(std::string_view json, std::span<const std::byte> binary) {
  detail::InferenceRequestSax sax;
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &sax)) {
    throw RequestError(400, "the request", sax.error.empty() ? "is no JSON" : sax.error);
  }
  try {
    InferenceRequest request;
    const JsonReader document(sax.document, "");
    if (const auto id = document.find("id")) request.id = id->text();
    if (const auto parameters = document.find("parameters")) {
      if (const auto all = parameters->find("binary_data_output")) request.binary_outputs = all->boolean();
      if (const auto timeout = parameters->find("timeout")) {
        request.timeout =
            std::chrono::microseconds(timeout->integer<std::int64_t>(0, std::int64_t{86'400} * 1'000'000));
      }
      if (const auto key = parameters->find("routing_key")) request.key = key->text();
    }
    std::size_t taken = 0;
    const std::vector<JsonReader> inputs = document.at("inputs").elements();
    sax.data.resize(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const JsonReader& input = inputs[i];
      SentTensor tensor = detail::sent_tensor(input);
      const auto elements = static_cast<std::size_t>(element_count(tensor.shape));
      const auto parameters = input.find("parameters");
      if (const auto size = parameters ? parameters->find("binary_data_size") : std::nullopt) {
        const auto bytes = size->integer<std::size_t>(0);
        if (bytes != elements * wire_bytes(tensor.datatype)) {
          size->fail(std::to_string(elements * wire_bytes(tensor.datatype)) + ", as shape and datatype say");
        }
        if (bytes > binary.size() - taken) size->fail("no more than follows the JSON");
        tensor.binary = true;
        tensor.bytes = binary.subspan(taken, bytes);
        taken += bytes;
      } else {
        tensor.values = std::move(sax.data[i]);
        if (tensor.values.size() != elements) {
          throw RequestError(
              400, "input '" + tensor.name + "'",
              "has " + std::to_string(tensor.values.size()) + " number(s) for the shape " + to_string(tensor.shape));
        }
      }
      request.inputs.push_back(std::move(tensor));
    }
    if (taken != binary.size()) {
      throw RequestError(400, "the request",
                         "has " + std::to_string(binary.size() - taken) + " byte(s) that belong to no input");
    }
    if (const auto outputs = document.find("outputs")) {
      for (const JsonReader& output : outputs->elements()) {
        request.outputs.push_back(
            {output.at("name").text(), detail::wants_binary(output, "binary_data").value_or(request.binary_outputs)});
      }
    }
    return request;
  } catch (const RequestError&) {
    throw;
  } catch (const Error& error) {
    throw RequestError(400, error.where(), error.problem(), error.remedy());
  }
}

FULCRUM_DEFINE InferenceResponse make_inference_response(const std::string& model, const std::string& version,
                                                         const std::string& id, std::span<const SentOutput> outputs) {
  const auto quoted = [](const std::string& text) { return nlohmann::json(valid_utf8(text)).dump(); };
  InferenceResponse response;
  std::string& text = response.json;
  text = "{\"model_name\":" + quoted(model) + ",\"model_version\":" + quoted(version);
  if (!id.empty()) text += ",\"id\":" + quoted(id);
  text += ",\"outputs\":[";
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const SentOutput& output = outputs[i];
    text += std::string(i > 0 ? "," : "") + "{\"name\":" + quoted(output.spec->name) + ",\"datatype\":\"";
    text += kserve_datatype(output.spec->element);
    text += "\",\"shape\":" + nlohmann::json(output.shape).dump();
    if (output.binary) {
      std::span<const std::byte> bytes = std::as_bytes(output.values);
      if (output.spec->element != ElementType::f32) {
        std::vector<std::byte>& converted =
            response.converted.emplace_back(output.values.size() * wire_bytes(output.spec->element));
        encode_tensor(output.spec->element, output.values, converted);
        bytes = converted;  // its elements stay where they are when the list grows
      }
      text += ",\"parameters\":{\"binary_data_size\":" + std::to_string(bytes.size()) + "}}";
      response.binary.push_back(bytes);
    } else {
      text += ",\"data\":[";
      detail::append_numbers(text, output);
      text += "]}";
    }
  }
  text += "]}";
  return response;
}

FULCRUM_DEFINE std::string error_body(const std::string& message) {
  return nlohmann::json{{"error", valid_utf8(message)}}.dump();
}

}  // namespace fulcrum
