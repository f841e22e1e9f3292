// What clients and operators send a server: bodies of inferences, JSON and bytes, and the documents of the others. An
// Error is an answer; anything else that is thrown, read or kept is not.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/serve/access_rules.hpp>
#include <fulcrum/serve/http_load.hpp>
#include <fulcrum/serve/inference_protocol.hpp>
#include <fulcrum/serve/model_settings.hpp>
#include <fulcrum/serve/tensor_bytes.hpp>
#include <fulcrum/serve/traffic_plan.hpp>

using namespace fulcrum;

namespace {

void inference(std::string_view text, std::size_t json) {
  const InferenceRequest request =
      parse_inference_request(text.substr(0, json), std::as_bytes(std::span(text.data() + json, text.size() - json)));
  for (const SentTensor& tensor : request.inputs) {
    if (!tensor.binary) continue;
    std::vector<float> values(tensor.bytes.size() / wire_bytes(tensor.datatype));
    decode_tensor(tensor.datatype, tensor.bytes, values);
    std::vector<std::byte> bytes(tensor.bytes.size());
    encode_tensor(tensor.datatype, values, bytes);
  }
}

template <class F>
void answer(F f) {
  try {
    f();
  } catch (const Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t json =
      (static_cast<std::size_t>(data[0]) | static_cast<std::size_t>(data[1]) << 8U) % (text.size() + 1);
  answer([&] { inference(text, text.size()); });
  answer([&] { inference(text, json); });
  answer([&] {
    const nlohmann::json j = parse_json(text, "it");
    static_cast<void>(model_settings_from_json(j));
  });
  answer([&] {
    const nlohmann::json j = parse_json(text, "it");
    static_cast<void>(traffic_plan_from_json(j));
  });
  answer([&] {
    const nlohmann::json j = parse_json(text, "it");
    static_cast<void>(AccessRules::from_json(j));
  });
  answer([&] { static_cast<void>(served_at(std::string(text))); });
  return 0;
}
