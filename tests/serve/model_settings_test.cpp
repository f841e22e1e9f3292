#include <fulcrum/serve/model_settings.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using nlohmann::json;

TEST_CASE("a model's settings come back from their JSON") {
  ModelSettings settings;
  settings.run.threads = 2;
  settings.run.precision = Precision::bf16;
  settings.choose_precision = false;
  settings.batching = {8, std::chrono::milliseconds(2), {4, 8}};
  settings.queue = {64, WhenFull::drop_oldest, std::chrono::milliseconds(100)};
  settings.cpus = {0, 1};
  settings.slo = Milliseconds(12.5);
  settings.cache_bytes = 1000;
  settings.versions = 2;
  CHECK(model_settings_from_json(json(to_json(settings))) == settings);
  CHECK(model_settings_from_json(json::object()) == ModelSettings{});
}

TEST_CASE("what a document leaves out is as it was before") {
  ModelSettings defaults;
  defaults.batching.max_batch = 4;
  const json j{{"queue", {{"capacity", 7}}}};
  const ModelSettings settings = model_settings_from_json(j, defaults);
  CHECK(settings.batching.max_batch == 4);
  CHECK(settings.queue.capacity == 7);
}

TEST_CASE("settings that make no sense are refused") {
  const auto fails = [](const json& j, const char* why) {
    CHECK_THROWS_WITH(model_settings_from_json(j), ContainsSubstring(why));
  };
  fails({{"batching", {{"max_batch", 0}}}}, "batching.max_batch");
  fails({{"queue", {{"when_full", "block"}}}}, "when_full");
  fails({{"slo_ms", 0}}, "slo_ms");
  fails({{"cpus", {-1}}}, "cpus[0]");
  fails({{"config", {{"threads", 0}}}}, "threads");
}
