#include <fulcrum/report/json.hpp>

#include <limits>

#include <fulcrum/measure/accuracy.hpp>

#include <report/studies.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using nlohmann::json;

namespace {
const RunConfig config{4, 2, 3, Precision::int8};
}

TEST_CASE("the JSON of a report has the agreed fields") {
  const LatencyReport report = synthetic::layered_report(ReportKind::measured, config, 0.2);
  const json j = json::parse(to_json(report).dump());
  CHECK(j["kind"] == "measured");
  CHECK(j["model"] == "synthetic");
  CHECK(j["batch"] == 4);
  CHECK(j["threads"] == 2);
  CHECK(j["instances"] == 3);
  CHECK(j["precision"] == "int8");
  CHECK(j["flops"] == 8e6);
  CHECK(j["bytes"] == 1e6);
  for (const char* key : {"min", "mean", "p50", "p90", "p95", "p99", "p99_9", "mad"}) {
    CHECK(j["latency_ms"].at(key).is_number());
  }
  CHECK(j["latency_ms"]["p50"].get<double>() == Approx(0.2));
  CHECK(j["samples"] == 1234);
  CHECK(j["throughput_per_s"].get<double>() == Approx(60000.0));
  REQUIRE(j["layers"].size() == 2);
  CHECK(j["layers"][0] == json({{"name", "conv1"},
                                {"kind", "Conv+Relu"},
                                {"flops", 7e6},
                                {"bytes", 9e5},
                                {"latency_ms", report.layers[0].latency.count()},
                                {"bound", "compute"},
                                {"src", "u8"},
                                {"dst", nullptr},
                                {"threads", 1},
                                {"algorithm", nullptr}}));
  CHECK(j["layers"][1]["bound"].is_null());
  CHECK(j["outside_int8"].is_null());  // the second layer does not say what it takes
  CHECK(j["creation_ms"] == 2.5);
  CHECK(j["notes"] == json({"measured note"}));
  CHECK(j["environment"]["cpu"] == "a CPU");
}

TEST_CASE("the JSON of an accuracy has accuracy and samples") {
  AccuracyReport report;
  report.accuracy = 0.9123;
  report.samples = 10000;
  report.correct = 9123;
  const json j = to_json(report);
  CHECK(j["accuracy"] == 0.9123);
  CHECK(j["samples"] == 10000);
  CHECK(j["correct"] == 9123);
}

TEST_CASE("the JSON of a study has every candidate, the recommendation and the reason") {
  const TradeoffStudy study = synthetic::study();
  const json j = json::parse(to_json(study).dump());
  REQUIRE(j["candidates"].size() == study.candidates.size());
  const json& best = j["candidates"][3];
  CHECK(best["precision"] == "int8");
  CHECK(best["batch"] == 16);
  CHECK(best["sparsity"] == 0.0);
  CHECK(best["accuracy"] == 0.9106);
  CHECK(best["on_front"] == true);
  CHECK(best["predicted"]["kind"] == "predicted");
  CHECK(best["measured"]["kind"] == "measured");
  CHECK(best["prediction_error"].get<double>() == Approx(0.1));
  const json& missing = j["candidates"][5];
  CHECK(missing["predicted"].is_null());
  CHECK(missing["accuracy"].is_null());
  CHECK(missing["why_not"] == "this CPU lacks bf16");
  CHECK(j["recommendation"]["candidate"] == 3);
  CHECK(j["recommendation"]["precision"] == "int8");
  CHECK(j["recommendation"]["latency_ms"]["p99"].get<double>() == Approx(0.3));
  CHECK(j["nearest"].is_null());
  CHECK(j["reason"] == study.recommendation.reason);
  CHECK(j["objective"]["slo_p99_ms"] == 1.0);
  CHECK(j["objective"]["max_accuracy_drop_points"] == 0.5);
  CHECK(j["variants"].size() == 4);
  CHECK(j["environment"]["cores"] == 2);
}

TEST_CASE("when nothing qualifies the recommendation is null and the nearest is given") {
  const json j = to_json(synthetic::study("m", {Milliseconds(0.01), {}}));
  CHECK(j["recommendation"].is_null());
  CHECK(j["nearest"]["candidate"] == 2);
  CHECK(j["objective"]["max_accuracy_drop_points"].is_null());
}

TEST_CASE("names that are not UTF-8 and figures that are not numbers still make a document") {
  TradeoffStudy study = synthetic::study("conv\xff\n\"quoted\"");
  study.candidates[0].measured->layers[0].name = "\xc3";
  study.candidates[0].measured->notes = {"\x80"};
  study.candidates[0].accuracy = std::numeric_limits<double>::quiet_NaN();
  study.environment.cpu = "\xfe";
  const json j = json::parse(to_json(study).dump());
  CHECK(j["model"] == "conv\xef\xbf\xbd\n\"quoted\"");
  CHECK(j["candidates"][0]["measured"]["layers"][0]["name"] == "\xef\xbf\xbd");
  CHECK(j["candidates"][0]["accuracy"].is_null());
}
