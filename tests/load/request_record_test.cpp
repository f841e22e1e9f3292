#include <fulcrum/load/request_record.hpp>

#include <support/catch.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;

TEST_CASE("latency counts from when a request was due, not from when it was sent") {
  const RequestRecord record{10ms, 14ms, 15ms, 18ms, 2, RequestStatus::done};
  CHECK(record.latency() == 8ms);
  CHECK(record.queued() == 5ms);
  CHECK(record.service() == 3ms);
  CHECK(name_of(record.status) == "done");
}
