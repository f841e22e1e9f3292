#include <fulcrum/serve/direct_call.hpp>

#include <future>

#include <fulcrum/serve/server.hpp>
#include <support/catch.hpp>
#include <support/served_models.hpp>

using namespace fulcrum;

TEST_CASE("values of a call in the process are as many as their shape says") {
  InferenceRequest request;
  request.inputs.push_back({"x", {2, 2}, ElementType::f32, false, {1, 2, 3, 4}});
  CHECK_NOTHROW(check_values(request));
  request.inputs[0].values.pop_back();
  CHECK_THROWS_WITH(check_values(request), ContainsSubstring("input 'x': has 3 number(s)"));
  request.inputs[0].shape = {std::int64_t{1} << 62, 4};
  CHECK_THROWS_WITH(check_values(request), ContainsSubstring("number(s) for the shape"));
  request.inputs[0].binary = true;
  CHECK_THROWS_WITH(check_values(request), ContainsSubstring("comes as bytes"));
}

TEST_CASE("a server answers calls of its own process, and says what cannot be answered") {
  test::ServedModels models;
  models.put("small", "1", test::small_network(1));
  models.put("small", "2", test::small_network(2));
  InferenceServer server(models.options());
  CHECK(server.load().empty());
  const auto ask = [&](const std::string& model) {
    DirectCall call;
    call.model = model;
    call.request.id = "a";
    call.request.inputs.push_back({"input", {1, 4}, ElementType::f32, false, {1, 2, 3, 4}});
    std::promise<DirectAnswer> told;
    server.infer(std::move(call), [&](const DirectAnswer& answer) { told.set_value(answer); });
    return told.get_future().get();
  };
  const DirectAnswer answer = ask("small");
  CHECK(answer.status == 200);
  CHECK(answer.version == "2");
  CHECK(answer.id == "a");
  REQUIRE(answer.outputs.size() == 1);
  CHECK(answer.outputs[0].shape == Shape{1, 3});
  CHECK(answer.outputs[0].values.size() == 3);
  const DirectAnswer unknown = ask("nobody");
  CHECK(unknown.status == 404);
  CHECK(!unknown.message.empty());
}
