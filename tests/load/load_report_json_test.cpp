#include <fulcrum/load/load_report_json.hpp>

#include <fulcrum/load/assess.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {
LoadReport report(int rejected) {
  std::vector<RequestRecord> records;
  for (int i = 0; i < 1000; ++i) {
    const auto due = i * 10ms;
    records.push_back({due, due, due + 1ms, due + 5ms + i % 97 * 1us, 1 + i % 3, RequestStatus::done});
    if (i < rejected) records.back().status = RequestStatus::rejected;
  }
  AssessOptions options;
  options.slo = Milliseconds(10.0);
  options.lag = {Microseconds(1.0), Microseconds(2.0), Microseconds(3.0)};
  LoadReport result = assess_load(records, Server{ConstantArrivals{100.0}}, options);
  result.model = "m";
  result.setup = "f32";
  result.notes.push_back("a note");
  result.environment.cores = 2;
  return result;
}
}  // namespace

TEST_CASE("a report comes back from JSON as it was") {
  for (const int rejected : {0, 50}) {
    const LoadReport written = report(rejected);
    const nlohmann::json j = to_json(written);
    CHECK(load_report_from_json(nlohmann::json::parse(j.dump())) == written);
    CHECK(j.at("verdict") == (rejected == 0 ? "VALID" : "INVALID"));
    CHECK(j.at("over_slo") == rejected);
    CHECK(j.at("requests").at("issued") == 1000);
    CHECK(j.at("tail").at("observed_ms").is_null() == (rejected > 0));
  }
  CHECK(load_report_from_json(to_json(LoadReport{})) == LoadReport{});
}

TEST_CASE("what is broken is named") {
  nlohmann::json j = to_json(report(0));
  j["latency_ms"].erase("max");
  CHECK_THROWS_WITH(load_report_from_json(j), ContainsSubstring("latency_ms.max"));
  j = to_json(report(0));
  j["verdict"] = "FINE";
  CHECK_THROWS_WITH(load_report_from_json(j), ContainsSubstring("VALID"));
}
