#include <fulcrum/report/load_text.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

TEST_CASE("a load is a verdict, a table and how it went on") {
  std::vector<RequestRecord> records;
  for (int i = 0; i < 1000; ++i) {
    const auto due = i * 10ms;
    records.push_back({due, due, due + 1ms, due + 5ms, i % 2 == 0 ? 1 : 2, RequestStatus::done});
  }
  records[7].status = RequestStatus::rejected;
  LoadReport report = summarize_load(records);
  report.model = "net\nwork";
  report.verdict = LoadVerdict::invalid;
  report.reason = "1 of 1,000 requests were not done";
  report.lag.max = Microseconds(30.0);
  const std::string text = to_text(report);
  for (const char* words :
       {"INVALID: 1 of 1,000 requests were not done", "  in the queue", "5.00 ms", "999 of 1,000 requests done",
        "1 rejected", "batches of 1.33 on average: 500 × 1 250 × 2", "30.0 µs (at most)", "throughput"}) {
    CHECK_THAT(text, ContainsSubstring(words));
  }
  CHECK_THAT(text, !ContainsSubstring("net\nwork"));
  CHECK_THAT(text, !ContainsSubstring("simulated"));
  CHECK_THAT(to_text(report, &report), ContainsSubstring("simulated"));
  CHECK_THAT(to_text(LoadReport{}), ContainsSubstring("UNJUDGED"));
}
