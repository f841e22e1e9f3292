#include <fulcrum/grpc/inference_messages.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

inference::ModelInferRequest one_input(const std::string& datatype, const std::vector<std::int64_t>& shape) {
  inference::ModelInferRequest message;
  message.set_model_name("m");
  auto& input = *message.add_inputs();
  input.set_name("x");
  input.set_datatype(datatype);
  input.mutable_shape()->Add(shape.begin(), shape.end());
  return message;
}

}  // namespace

TEST_CASE("a call has what its message says") {
  inference::ModelInferRequest message = one_input("FP32", {1, 2});
  message.set_model_version("3");
  message.set_id("seven");
  message.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1.5F);
  message.mutable_inputs(0)->mutable_contents()->add_fp32_contents(-2.0F);
  message.add_outputs()->set_name("y");
  (*message.mutable_parameters())["timeout"].set_int64_param(2500);
  (*message.mutable_parameters())["routing_key"].set_string_param("ann");
  const DirectCall call = direct_call(message);
  CHECK(call.model == "m");
  CHECK(call.version == "3");
  CHECK(call.request.id == "seven");
  CHECK(call.request.timeout == std::chrono::microseconds(2500));
  CHECK(call.request.key == "ann");
  REQUIRE(call.request.inputs.size() == 1);
  CHECK(call.request.inputs[0].shape == Shape{1, 2});
  CHECK(call.request.inputs[0].values == std::vector<float>{1.5F, -2.0F});
  REQUIRE(call.request.outputs.size() == 1);
  CHECK(call.request.outputs[0].name == "y");
}

TEST_CASE("every datatype goes there and back, as bytes and, where it has a field, as contents") {
  const std::vector<float> values{0.0F, 1.0F, 1.0F, 0.0F, 1.0F, 1.0F};
  for (const ElementType type : all_element_types) {
    CAPTURE(kserve_datatype(type));
    const TensorSpec spec{"y", type, {batch_dim, 3}};
    DirectAnswer answer;
    answer.outputs = {{&spec, {2, 3}, values}};
    for (const bool raw : {true, false}) {
      inference::ModelInferResponse response;
      fill(response, answer, raw);
      REQUIRE(response.outputs_size() == 1);
      CHECK(response.outputs(0).datatype() == kserve_datatype(type));
      inference::ModelInferRequest back = one_input(response.outputs(0).datatype(), {2, 3});
      const bool as_bytes = raw || type == ElementType::f16 || type == ElementType::bf16;
      REQUIRE(response.raw_output_contents_size() == (as_bytes ? 1 : 0));
      if (as_bytes)
        back.add_raw_input_contents(response.raw_output_contents(0));
      else
        *back.mutable_inputs(0)->mutable_contents() = response.outputs(0).contents();
      CHECK(direct_call(back).request.inputs[0].values == values);
    }
  }
}

TEST_CASE("what makes no sense is refused with the field's name") {
  const auto refused = [](const inference::ModelInferRequest& message, const char* because) {
    CHECK_THROWS_WITH(direct_call(message), ContainsSubstring(because));
  };
  refused(one_input("BYTES", {1}), "input 'x': has no datatype of numbers");
  refused(one_input("FP32", {2}), "has 0 number(s) for the shape");
  refused(one_input("FP32", {-1}), "has 0 number(s) for the shape");
  refused(one_input("FP32", {std::int64_t{1} << 40, std::int64_t{1} << 40}), "number(s) for the shape");
  refused(one_input("FP16", {1}), "raw_input_contents");
  inference::ModelInferRequest message = one_input("FP32", {1});
  message.add_raw_input_contents(std::string(5, 'x'));
  refused(message, "no whole number of FP32");
  message.add_raw_input_contents("");
  refused(message, "raw_input_contents: are 2, but there are 1 inputs");
  message = one_input("FP32", {0});
  (*message.mutable_parameters())["timeout"].set_int64_param(-1);
  refused(message, "parameters.timeout");
}
