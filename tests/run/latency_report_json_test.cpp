#include <fulcrum/run/latency_report_json.hpp>

#include <functional>
#include <limits>
#include <map>

#include <fulcrum/core/file.hpp>

#include <run/reports.hpp>
#include <support/catch.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;
using nlohmann::json;

namespace {
LatencyReport some_report() {
  Random random(7);
  LatencyReport report = synthetic::random_report(random);
  report.layers = {{"conv1", "Conv", 1e6, 1e3, Milliseconds(0.5), Bound::memory, DType::f32}};
  report.disturbance = Disturbance{.share = 0.25, .p50 = Milliseconds(0.5), .samples = 4, .looks = 8, .least_us = 10.5};
  report.persistence = Persistence{{0.0, 0.5, 0.25, 0.0, 0.125}};
  report.blocks = {{Milliseconds(1.0), Milliseconds(2.0), 3.0}};
  return report;
}

/// What load_report() says of a file of this text.
std::string refusal(const std::string& text) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("a.json");
  write_file_atomically(path, text);
  try {
    static_cast<void>(load_report(path));
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK(message.rfind(path + ": ", 0) == 0);
    CHECK(message.find('\n') == std::string::npos);
    CHECK(message.find("json.exception") == std::string::npos);
    return message;
  }
  return "";
}
}  // namespace

TEST_CASE("any report comes back from its JSON") {
  Random random(1);
  for (int i = 0; i < 200; ++i) {
    const LatencyReport report = synthetic::random_report(random);
    CHECK(latency_report_from_json(json::parse(to_json(report).dump())) == report);
  }
  CHECK(latency_report_from_json(to_json(LatencyReport{})) == LatencyReport{});
}

TEST_CASE("a report comes back from its file") {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("a.json");
  write_file_atomically(path, to_json(some_report()).dump() + "\n");
  CHECK(load_report(path) == some_report());
}

TEST_CASE("parts of a report come back by themselves") {
  const LatencyReport report = some_report();
  LatencyStatistics statistics = report.latency;
  statistics.samples = 0;  // stands beside them
  CHECK(latency_statistics_from_json(to_json(report.latency)) == statistics);
  CHECK(run_block_from_json(to_json(report.blocks[0])) == report.blocks[0]);
  CHECK(step_latency_from_json(to_json(report.layers[0])) == report.layers[0]);
  CHECK(memory_use_from_json(to_json(report.memory)) == report.memory);
}

TEST_CASE("a report of an older version, without blocks and the rest of the configuration, is read") {
  json j = to_json(some_report());
  for (const char* key : {"disturbance", "persistence", "blocks", "missing_precision", "layer_precision", "slice",
                          "algorithms", "roundings"})
    j.erase(key);
  for (const char* key : {"dst", "threads", "algorithm"}) j["layers"][0].erase(key);
  LatencyReport expected = some_report();
  expected.disturbance.reset();
  expected.persistence.reset();
  expected.blocks.clear();
  expected.config = {expected.config.batch, expected.config.threads, expected.config.instances,
                     expected.config.precision};
  CHECK(latency_report_from_json(j) == expected);
}

TEST_CASE("names that are not UTF-8 still make a report that can be read") {
  LatencyReport report = some_report();
  report.model = "conv\xff";
  report.layers[0].name = "\xc3";
  report.notes = {"\x80"};
  report.config.layer_precision = {{"\xfe", Precision::f32}};
  const LatencyReport back = latency_report_from_json(json::parse(to_json(report).dump()));
  CHECK(back.model == "conv\xef\xbf\xbd");
  CHECK(back.layers[0].name == "\xef\xbf\xbd");
  CHECK(back.notes == std::vector<std::string>{"\xef\xbf\xbd"});
  CHECK(back.config.layer_precision.count("\xef\xbf\xbd") == 1);
}

TEST_CASE("a file that is cut off anywhere is refused") {
  const std::string text = to_json(some_report()).dump();
  for (std::size_t length = 0; length < text.size(); length += 1 + text.size() / 50) {
    CHECK_THAT(refusal(text.substr(0, length)),
               ContainsSubstring("is not JSON") && ContainsSubstring("write it with `fulcrum measure --json`"));
  }
}

TEST_CASE("every key that is missing or of another type is named") {
  const json whole = to_json(some_report());
  const std::map<std::string, json> without_default{
      {"kind", 1},         {"model", 1},        {"flops", "1"},       {"bytes", "1"},
      {"latency_ms", 1},   {"samples", "1"},    {"layers", "conv1"},  {"creation_ms", true},
      {"memory_bytes", 1}, {"notes", "a note"}, {"environment", "?"}, {"throughput_per_s", json::object()}};
  for (const auto& [key, wrong] : without_default) {
    json j = whole;
    j[key] = wrong;
    CHECK_THAT(refusal(j.dump()), ContainsSubstring(": " + key + ": must be "));
    j.erase(key);
    CHECK_THAT(refusal(j.dump()), ContainsSubstring(": " + key + ": must be ") && ContainsSubstring("but is missing"));
  }
  for (const auto& [key, value] : whole["latency_ms"].items()) {
    json j = whole;
    j["latency_ms"].erase(key);
    CHECK_THAT(refusal(j.dump()),
               ContainsSubstring("latency_ms." + key + ": must be a number of 0 or more, but is missing"));
  }
}

TEST_CASE("values that no report holds are refused by the key") {
  const auto check = [](const std::function<void(json&)>& damage, const char* words) {
    json j = to_json(some_report());
    damage(j);
    CHECK_THAT(refusal(j.dump()), ContainsSubstring(words));
  };
  check([](json& j) { j["latency_ms"]["p50"] = -1.0; }, "latency_ms.p50: must be a number of 0 or more, but is -1.0");
  check([](json& j) { j["latency_ms"]["p50"] = std::numeric_limits<double>::quiet_NaN(); },
        "latency_ms.p50: must be a number of 0 or more, but is null");
  check([](json& j) { j["kind"] = "guessed"; }, "kind: is 'guessed'; use predicted or measured");
  check([](json& j) { j["layers"][0]["bound"] = "luck"; },
        "layers[0].bound: is 'luck'; use compute, memory or overhead");
  check([](json& j) { j["layers"][0]["src"] = "f8"; }, "layers[0].src: is 'f8'");
  check([](json& j) { j["layers"][0].erase("name"); }, "layers[0].name: must be text, but is missing");
  check([](json& j) { j["blocks"][0]["p99_ms"] = "2"; }, "blocks[0].p99_ms: must be a number");
  check([](json& j) { j["blocks"] = 10; }, "blocks: must be a list");
  check([](json& j) { j["samples"] = 1e3; }, "samples: must be a whole number");
  check([](json& j) { j["memory_bytes"]["weights"] = -1; }, "memory_bytes.weights: must be a whole number from 0");
  check([](json& j) { j["notes"] = {1}; }, "notes[0]: must be text");
  check([](json& j) { j["batch"] = 0; }, "batch: must be a whole number from 1");
  check([](json& j) { j["environment"]["cores"] = 1e300; }, "environment.cores: must be a whole number");
}

TEST_CASE("files that are something else are refused") {
  CHECK_THAT(refusal("[]"), ContainsSubstring("the document: must be an object, but is a list"));
  CHECK_THAT(refusal("null"), ContainsSubstring("must be an object, but is null"));
  CHECK_THAT(refusal("{\"a\": 1e999}"), ContainsSubstring("too large"));
  CHECK_THAT(refusal("{\"kind\": \"\xff\"}"), ContainsSubstring("is not JSON from its byte"));
  CHECK_THAT(refusal(std::string("\0\0\0\0", 4)), ContainsSubstring("is not JSON from its byte 1 on"));
  CHECK_THAT(refusal(std::string(1'000'000, '[')), ContainsSubstring("nested"));
  json deep = to_json(some_report());
  deep["layers"][0]["name"] = json::parse(std::string(50, '[') + std::string(50, ']'));
  CHECK_THAT(refusal(deep.dump()), ContainsSubstring("layers[0].name: must be text, but is a list"));
  CHECK_THROWS_WITH(load_report("/no/such/report.json"), ContainsSubstring("does not exist"));
}
