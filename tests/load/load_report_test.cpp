#include <fulcrum/load/load_report.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

namespace {

/// Due every 10 ms, 1 ms in the queue, served in `service`.
std::vector<RequestRecord> steady(int count, std::chrono::nanoseconds service = 4ms) {
  std::vector<RequestRecord> records;
  for (int i = 0; i < count; ++i) {
    const auto due = i * 10ms;
    records.push_back({due, due, due + 1ms, due + 1ms + service, 1, RequestStatus::done});
  }
  return records;
}

}  // namespace

TEST_CASE("a report holds latency, queue and service times") {
  const LoadReport report = summarize_load(steady(1000));
  CHECK(report.queries == 1000);
  CHECK(report.requests.issued == 1000);
  CHECK(report.requests.done == 1000);
  CHECK(report.latency.statistics.p50.count() == Approx(5.0));
  CHECK(report.latency.max.count() == Approx(5.0));
  CHECK(report.queue.statistics.p99.count() == Approx(1.0));
  CHECK(report.service.statistics.mean.count() == Approx(4.0));
  CHECK(report.offered_per_s == Approx(100.0));
  CHECK(report.throughput_per_s == Approx(1000.0 / 9.995));
  CHECK(report.duration.count() == Approx(9.995));
  REQUIRE(report.blocks.size() == 10);
  CHECK(report.blocks[3].start.count() == Approx(3.0));
  CHECK(report.blocks[3].p99.count() == Approx(5.0));
  CHECK(report.blocks[3].throughput_per_s == Approx(100.0));
  REQUIRE(report.histogram.size() == 1);
  CHECK(report.histogram[0].queries == 1000);
  CHECK(report.histogram[0].up_to.count() >= 5.0);
  CHECK(report.histogram[0].up_to.count() < 5.0 * 1.2);
  CHECK(report.verdict == LoadVerdict::unjudged);
  CHECK(report.notes.empty());
}

TEST_CASE("what is due before the warm-up ends is not counted") {
  const LoadReport report = summarize_load(steady(1000), {.from = 2s});
  CHECK(report.queries == 800);
  CHECK(report.blocks[0].start.count() == Approx(0.0));
}

TEST_CASE("a query is done when its last sample is") {
  std::vector<RequestRecord> records;
  for (int q = 0; q < 5; ++q) {
    for (int i = 1; i <= 4; ++i) records.push_back({q * 1s, q * 1s, q * 1s, q * 1s + i * 10ms, 1, RequestStatus::done});
  }
  records[6].status = RequestStatus::rejected;
  records.push_back({5s, 5s, 5s, 5s + 10ms, 1, RequestStatus::done});  // of a query that did not get all of its samples
  const LoadReport report = summarize_load(records, {.samples_per_query = 4});
  CHECK(report.queries == 5);
  CHECK(report.requests.issued == 20);
  CHECK(report.requests.rejected == 1);
  CHECK(report.latency.statistics.samples == 4);
  CHECK(report.latency.statistics.p50.count() == Approx(40.0));
  CHECK(report.blocks[1].unfinished == 1);
}

TEST_CASE("what is not done took longer than anything") {
  auto records = steady(100);
  for (std::size_t i = 0; i < 5; ++i) records[20 * i].status = RequestStatus::dropped;
  const LoadReport report = summarize_load(records);
  CHECK(report.requests.dropped == 5);
  CHECK(report.tail.observed > Milliseconds(1e9));
  CHECK(summarize_load(records, {.percentile = 0.9}).tail.observed.count() == Approx(5.0));
}

TEST_CASE("batches are counted by size") {
  auto records = steady(13);
  for (std::size_t i = 0; i < 12; ++i) records[i].batch = i < 8 ? 4 : 2;
  const LoadReport report = summarize_load(records);
  REQUIRE(report.batches.size() == 3);
  const std::int64_t expected[][2] = {{1, 1}, {2, 2}, {4, 2}};
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(report.batches[i].size == expected[i][0]);
    CHECK(report.batches[i].batches == expected[i][1]);
    CHECK(report.batches[i].service.p50.count() == Approx(4.0));
    CHECK(report.batches[i].service.samples == expected[i][0] * expected[i][1]);
  }
  CHECK(report.mean_batch == Approx(13.0 / 5.0));
}

TEST_CASE("the queue's length over time is its mean by Little's law, and its most") {
  auto records = steady(1000);
  for (std::size_t i = 500; i < 600; ++i) records[i].started = records[i].finished = 6s;  // a stall of a second
  const LoadReport report = summarize_load(records);
  REQUIRE(report.timeline.size() == 100);
  double waited = 0.0, area = 0.0;
  std::int64_t most = 0;
  for (const RequestRecord& record : records) waited += Seconds(record.queued()).count();
  for (const QueueLength& part : report.timeline) {
    area += part.mean * report.duration.count() / 100.0;
    most = std::max(most, part.most);
    CHECK(part.mean <= static_cast<double>(part.most));
  }
  CHECK(area == Approx(waited));
  CHECK(most == 100);
  CHECK(report.timeline[10].most == 1);
  for (RequestRecord& record : records) record.started = record.scheduled;
  for (const QueueLength& part : summarize_load(records).timeline) CHECK(part.most == 0);
}

TEST_CASE("a queue that grows is said") {
  auto records = steady(1000);
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].started += i * 1ms;
    records[i].finished += i * 1ms;
  }
  const LoadReport report = summarize_load(records);
  REQUIRE(report.notes.size() == 1);
  CHECK_THAT(report.notes[0], ContainsSubstring("the queue grew"));
}

TEST_CASE("latencies that come in clusters are correlated") {
  auto scattered = steady(20'000), clustered = steady(20'000);
  for (std::size_t i = 0; i < 300; ++i) {
    scattered[(i * 7919) % 20'000].finished += 3ms;
    clustered[i < 150 ? 5'000 + i : 15'000 + i].finished += 3ms;
  }
  CHECK(summarize_load(scattered).correlation < 2.0);
  CHECK(summarize_load(clustered).correlation > 20.0);
}

TEST_CASE("nothing is a report too") {
  const LoadReport report = summarize_load({});
  CHECK(report.queries == 0);
  CHECK(report.blocks.empty());
  CHECK_THROWS_AS(summarize_load({}, {.samples_per_query = 0}), Error);
  CHECK_THROWS_AS(summarize_load({}, {.percentile = 1.0}), Error);
  for (const LoadVerdict verdict : {LoadVerdict::unjudged, LoadVerdict::valid, LoadVerdict::invalid})
    CHECK(load_verdict_from(name_of(verdict)) == verdict);
}
