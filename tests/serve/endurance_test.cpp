// A server in trouble for as long as one likes: fulcrum_serve_tests "[endurance]", FULCRUM_ENDURANCE_S=300 for five
// minutes. Not among the tests that run by themselves.
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <fulcrum/serve/server.hpp>

#include <support/catch.hpp>
#include <support/http_client.hpp>
#include <support/own_executor.hpp>
#include <support/served_models.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;
using test::HttpAnswer;
using test::HttpClient;
using Clock = std::chrono::steady_clock;

namespace {

std::size_t descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/// Resident memory in MB.
double memory() {
  std::ifstream statm("/proc/self/statm");
  double total = 0.0, resident = 0.0;
  statm >> total >> resident;
  return resident * 4096.0 / 1e6;
}

}  // namespace

TEST_CASE("a server in trouble loses no request, answers none wrongly and keeps nothing", "[.endurance]") {
  const char* wish = std::getenv("FULCRUM_ENDURANCE_S");
  const auto length = std::chrono::duration<double>(wish != nullptr ? std::atof(wish) : 20.0);
  std::atomic<bool> throw_next{false}, hang_next{false}, stop{false};
  std::atomic<int> replaced{0};  // for hanging; on a machine that is busy enough a run that waits for its core does too
  test::ServedModels models;
  const Model<float> sum = ModelBuilder<float>("sum", 1).input({4}).dense(1).build();
  models.put("sum", "1", sum);
  models.put("sum", "2", sum);
  ServerOptions options = models.options();
  options.hang_after = 200ms;
  options.limits.body_bytes = 10'000;
  options.limits.idle = 2s;
  options.limits.transfer = 500ms;
  options.log = [&replaced](std::string_view line) {
    if (line.find("it hung") != std::string_view::npos) ++replaced;
  };
  options.repository.executors = [&](const Model<float>&, const RunConfig& config) {
    return test::SumExecutor(config.batch, 4, [&] {
      const auto until = Clock::now() + 1ms;  // a model that takes a millisecond
      if (throw_next.exchange(false)) throw std::runtime_error("an instance that is killed");
      if (hang_next.exchange(false)) std::this_thread::sleep_for(1500ms);
      while (Clock::now() < until) {
      }
    });
  };
  InferenceServer server(options);
  REQUIRE(server.load().empty());

  std::mutex mutex;
  std::map<int, int> answers;  // by status
  int lost = 0, wrong = 0;
  const auto client = [&](std::uint64_t seed) {
    Random random(seed);
    HttpClient connection(server.port());
    while (!stop) {
      std::this_thread::sleep_for(std::chrono::duration<double>(-0.0045 * std::log(1.0 - random.uniform())));
      const auto x = static_cast<float>(random() % 1000);
      try {
        const HttpAnswer answer = connection.post("/v2/models/sum/infer", test::small_request({x, 1, 2, 3}));
        const bool good = answer.status != 200 || answer.json()["outputs"][0]["data"][0].get<float>() == x + 6.0F;
        const std::lock_guard lock(mutex);
        ++answers[answer.status];
        wrong += good ? 0 : 1;
      } catch (const std::exception&) {
        const std::lock_guard lock(mutex);
        ++lost;
        connection = HttpClient(server.port());
      }
    }
  };
  std::vector<std::thread> clients;
  for (std::uint64_t i = 0; i < 4; ++i) clients.emplace_back(client, i);

  const auto began = Clock::now();
  int thrown = 0, hung = 0, swaps = 0, too_large = 0, slow = 0;
  std::size_t descriptors_before = 0;
  double memory_before = 0.0;
  for (int tick = 0; Clock::now() - began < length; ++tick) {
    std::this_thread::sleep_for(500ms);
    switch (tick % 5) {
      case 0: throw_next = true, ++thrown; break;
      case 1: {  // more than it takes
        HttpClient greedy(server.port());
        greedy.send("POST /v2/models/sum/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n");
        too_large += greedy.receive().status == 413 ? 1 : 0;
        break;
      }
      case 2: {  // half a request, and no more
        HttpClient tardy(server.port());
        tardy.send("POST /v2/models/sum/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
        slow += tardy.ended() ? 1 : 0;
        break;
      }
      case 3: {
        HttpClient admin(server.port());
        const std::string version = swaps % 2 == 0 ? "1" : "2";
        const HttpAnswer answer =
            admin.post("/v2/repository/models/sum/load", R"({"parameters": {"version": ")" + version + R"("}})");
        swaps += answer.status == 200 ? 1 : 0;
        break;
      }
      case 4:
        if (tick % 10 == 4) hang_next = true, ++hung;
        break;
    }
    if (descriptors_before == 0 && Clock::now() - began > 0.3 * length) {
      descriptors_before = descriptors();
      memory_before = memory();
    }
  }
  std::this_thread::sleep_for(2s);  // what hung comes back
  const std::size_t descriptors_after = descriptors();
  const double memory_after = memory();
  stop = true;
  for (std::thread& thread : clients) thread.join();

  std::printf("%.0f s; answers by status:", length.count());
  for (const auto& [status, count] : answers) std::printf(" %d: %d", status, count);
  std::printf("; lost %d, wrong %d\n%d to throw, %d to hang, %d replaced for it, %d swaps, %d too large, %d slow\n",
              lost, wrong, thrown, hung, replaced.load(), swaps, too_large, slow);
  std::printf("descriptors %zu -> %zu, memory %.1f -> %.1f MB\n", descriptors_before, descriptors_after, memory_before,
              memory_after);
  CHECK(lost == 0);
  CHECK(wrong == 0);
  CHECK(answers[200] > 0);
  CHECK(answers[500] <= thrown);
  CHECK(answers[503] <= 4 * replaced);  // what each client had sent
  for (const auto& [status, count] : answers) CHECK((status == 200 || status == 500 || status == 503));
  CHECK(swaps > 0);
  CHECK(descriptors_after <= descriptors_before + 2);  // of a connection that is just ending
  CHECK(memory_after < memory_before + 32.0);
  CHECK(server.drain());
}
