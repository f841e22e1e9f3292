#include <fulcrum/serve/inference_protocol.hpp>

#include <limits>
#include <string>
#include <vector>

#include <support/catch.hpp>
#include <support/served_models.hpp>

using namespace fulcrum;

namespace {

InferenceRequest parse(const std::string& json, const std::string& binary = {}) {
  return parse_inference_request(json, std::as_bytes(std::span(binary.data(), binary.size())));
}

const std::string two_by_two = R"({"name": "x", "shape": [2, 2], "datatype": "FP32", )";

}  // namespace

TEST_CASE("a request in JSON has its tensors, flat or nested") {
  for (const std::string data : {"[1, 2.5, -3, 4]", "[[1, 2.5], [-3, 4]]"}) {
    const InferenceRequest request = parse(R"({"id": "7", "parameters": {"timeout": 2000}, "inputs": [)" + two_by_two +
                                           R"("data": )" + data + R"(}], "outputs": [{"name": "y"}]})");
    CHECK(request.id == "7");
    CHECK(request.timeout == std::chrono::microseconds(2000));
    REQUIRE(request.inputs.size() == 1);
    CHECK(request.inputs[0].name == "x");
    CHECK(request.inputs[0].shape == Shape{2, 2});
    CHECK(request.inputs[0].values == std::vector<float>{1.0F, 2.5F, -3.0F, 4.0F});
    REQUIRE(request.outputs.size() == 1);
    CHECK_FALSE(request.outputs[0].binary);
  }
}

TEST_CASE("keys may come in any order, and others are not read") {
  const InferenceRequest request =
      parse(R"({"inputs": [{"data": [true, false], "extra": {"data": [1, [2]]}, "datatype": "BOOL", "shape": [2],
             "name": "mask"}], "data": [1, 2, 3]})");
  CHECK(request.inputs[0].values == std::vector<float>{1.0F, 0.0F});
}

TEST_CASE("binary tensors are parts of the body") {
  const std::string binary = test::bytes_of(std::vector<float>{1.0F, 2.0F, 3.0F, 4.0F}) + std::string("\1\0", 2);
  const InferenceRequest request =
      parse(R"({"inputs": [)" + two_by_two +
                R"("parameters": {"binary_data_size": 16}}, {"name": "m", "shape": [2], "datatype": "BOOL",
                "parameters": {"binary_data_size": 2}}], "parameters": {"binary_data_output": true},
                "outputs": [{"name": "a"}, {"name": "b", "parameters": {"binary_data": false}}]})",
            binary);
  CHECK(request.inputs[0].bytes.data() == reinterpret_cast<const std::byte*>(binary.data()));
  CHECK(request.inputs[1].bytes.size() == 2);
  CHECK(request.outputs[0].binary);
  CHECK_FALSE(request.outputs[1].binary);
}

TEST_CASE("what is wrong with a request is said in a sentence") {
  const auto fails = [](const std::string& text, const std::string& why, const std::string& binary = {}) {
    INFO(text);
    CHECK_THROWS_WITH(parse(text, binary), ContainsSubstring(why));
    try {
      static_cast<void>(parse(text, binary));
    } catch (const RequestError& error) {
      CHECK(error.status() == 400);
    }
  };
  const auto one = [](const std::string& input) { return R"({"inputs": [)" + input + "]}"; };
  fails("", "is no JSON");
  fails("{", "is no JSON");
  fails("[]", "must be an object");
  fails("{}", "inputs");
  fails(R"({"inputs": 3})", "must be a list");
  fails(one("7"), "must be an object");
  fails(one(R"({"name": "x", "shape": [1], "datatype": "BYTES", "data": ["a"]})"), "BYTES");
  fails(one(R"({"name": "x", "shape": [1], "datatype": "FP33", "data": [1]})"), "datatype");
  fails(one(R"({"name": "x", "shape": [-1], "datatype": "FP32", "data": [1]})"), "shape[0]");
  fails(one(R"({"name": "x", "shape": [1e9], "datatype": "FP32", "data": [1]})"), "shape[0]");
  fails(one(R"({"name": "x", "shape": [2000000000, 2000000000], "datatype": "FP32", "data": [1]})"), "shape");
  fails(one(two_by_two + R"("data": [1, 2, 3]})"), "3 number(s)");
  fails(one(two_by_two + R"("data": [1, 2, 3, null]})"), "null");
  fails(one(two_by_two + R"("data": [1, 2, 3, {}]})"), "object");
  fails(one(two_by_two + R"("data": [1, 2, 3, 1e999]})"), "is no JSON");
  fails(one(two_by_two + R"("parameters": {"binary_data_size": 12}})"), "16", "123456789012");
  fails(one(two_by_two + R"("parameters": {"binary_data_size": 16}})"), "follows", "123456789012");
  fails(one(two_by_two + R"("data": [1, 2, 3, 4]})"), "belong to no input", "x");
  fails(R"({"a": )" + std::string(100, '[') + std::string(100, ']') + "}", "too deep");
  fails(one(R"({"name": "x", "data": )" + std::string(100, '[') + std::string(100, ']') + "}"), "too deep");
  std::string many = R"({"a": [0)";
  for (int i = 0; i < 200'000; ++i) many += ",0";
  fails(many + "]}", "too many values");
}

TEST_CASE("numbers past a float's range are infinite") {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto values =
      parse(R"({"inputs": [)" + two_by_two + R"("data": [1e300, -1e300, 3.4e38, 1e-300]}]})").inputs[0].values;
  CHECK(values == std::vector<float>{infinity, -infinity, 3.4e38F, 0.0F});
}

TEST_CASE("a response says everything in JSON, or has tensors behind it") {
  const TensorSpec real{"y", ElementType::f32, {batch_dim, 2}};
  const TensorSpec whole{"k", ElementType::s64, {batch_dim}};
  const std::vector<float> values{0.1F, -3.0F, std::numeric_limits<float>::infinity(), 1e-7F}, counts{3.0F, -4.0F};
  std::vector<SentOutput> outputs{{&real, {2, 2}, values, false}, {&whole, {2}, counts, false}};
  InferenceResponse response = make_inference_response("m", "3", "id \"1\"", outputs);
  const nlohmann::json j = nlohmann::json::parse(response.json);
  CHECK(j["id"] == "id \"1\"");
  CHECK(j["model_version"] == "3");
  CHECK(j["outputs"][0]["data"][0].get<float>() == 0.1F);
  CHECK(j["outputs"][0]["data"][2].is_null());
  CHECK(j["outputs"][1]["data"] == nlohmann::json{3, -4});
  CHECK(j["outputs"][1]["datatype"] == "INT64");

  outputs[0].binary = outputs[1].binary = true;
  response = make_inference_response("m", "3", "", outputs);
  const nlohmann::json head = nlohmann::json::parse(response.json);
  CHECK_FALSE(head.contains("id"));
  CHECK(head["outputs"][1]["parameters"]["binary_data_size"] == 16);
  REQUIRE(response.binary.size() == 2);
  CHECK(response.binary[0].data() == reinterpret_cast<const std::byte*>(values.data()));  // nothing is copied
  std::int64_t second = 0;
  std::memcpy(&second, response.binary[1].data() + 8, 8);
  CHECK(second == -4);
}
