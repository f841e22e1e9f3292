#include <fulcrum/serve/server.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include <fulcrum/core/random.hpp>
#include <fulcrum/exec/reference.hpp>

#include <support/catch.hpp>
#include <support/http_client.hpp>
#include <support/own_executor.hpp>
#include <support/served_models.hpp>

using namespace fulcrum;
using namespace std::chrono_literals;
using nlohmann::json;
using test::HttpAnswer;
using test::HttpClient;

namespace {

const std::string infer_small = "/v2/models/small/infer";

std::vector<float> reference(const Model<float>& model, const std::vector<float>& values) {
  const auto n = static_cast<std::int64_t>(values.size() / 4);
  const std::vector<Tensor<float>> src{Tensor<float>({n, 4}, std::span<const float>(values))};
  const Tensor<float> result = ReferenceExecutor<float>(model).run(src)[0];
  return {result.flat().begin(), result.flat().end()};
}

void check_near(const std::vector<float>& actual, const std::vector<float>& expected) {
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) CHECK(actual[i] == Approx(expected[i]).margin(1e-5));
}

/// A server of small_network(1), with what a test changes.
struct Small {
  test::ServedModels models;
  std::optional<InferenceServer> server;

  explicit Small(const std::function<void(ServerOptions&)>& change = {},
                 const Model<float>& model = test::small_network(1)) {
    models.put("small", "1", model);
    ServerOptions options = models.options();
    options.drain_timeout = 2000ms;
    if (change) change(options);
    server.emplace(options);
    CHECK(server->load().empty());
  }
  [[nodiscard]] HttpClient client() const { return HttpClient(server->port()); }
};

/// What the executors of tests are made for: 4 numbers in, their sum out.
Model<float> sum_model() { return ModelBuilder<float>("sum", 1).input({4}).dense(1).build(); }

/// Executors that wait inside a run while they are told to.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool closed = false;
  std::atomic<int> inside{0};

  void close(bool close) {
    {
      const std::lock_guard lock(mutex);
      closed = close;
    }
    changed.notify_all();
  }
  ExecutorFactory executors() {
    return [this](const Model<float>&, const RunConfig& config) {
      return test::SumExecutor(config.batch, 4, [this] {
        std::unique_lock lock(mutex);
        if (!closed) return;
        ++inside;
        changed.wait(lock, [this] { return !closed; });
        --inside;
      });
    };
  }
  void wait_until_inside(int count) const {
    while (inside < count) std::this_thread::yield();
  }
};

}  // namespace

TEST_CASE("a server answers as the protocol says") {
  const Small small;
  HttpClient client = small.client();
  CHECK(client.get("/v2/health/live").status == 200);
  CHECK(client.get("/v2/health/ready").status == 200);
  CHECK(client.get("/v2").json()["name"] == "fulcrum");
  const json model = client.get("/v2/models/small").json();
  CHECK(model["versions"] == json{"1"});
  CHECK(model["inputs"][0] == json{{"name", "input"}, {"datatype", "FP32"}, {"shape", {-1, 4}}});
  CHECK(client.get("/v2/models/small/versions/1").status == 200);
  CHECK(client.get("/v2/models/small/ready").status == 200);
  CHECK(client.get("/v2/models/small/versions/2/ready").status == 404);
  CHECK(client.get("/v2/models/other").status == 404);
  CHECK(client.get("/v2/models/other").json().contains("error"));
  CHECK(client.get(infer_small).status == 405);
  CHECK(client.get("/v2/models/small/versions//infer").status == 404);
  CHECK(client.get("/v2/models/small/ready/more").status == 404);
  CHECK(client.get("/v2/models/small/stats").json()["requests"]["ok"] == 0);
  CHECK(client.get("/metrics").header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE("an inference gives what the model gives, as JSON and as bytes") {
  const Small small;
  const Model<float> model = test::small_network(1);
  const std::vector<float> values{1.0F, 2.0F, -3.0F, 4.0F, 0.5F, 0.25F, -8.0F, 1e-3F, 9.0F, 0.0F, 1.0F, -1.0F};
  const std::vector<float> expected = reference(model, values);
  HttpClient client = small.client();

  HttpAnswer answer = client.post(infer_small, test::small_request(values, "no. 1"));
  REQUIRE(answer.status == 200);
  CHECK(answer.json()["id"] == "no. 1");
  CHECK(answer.json()["model_version"] == "1");
  CHECK(answer.json()["outputs"][0]["shape"] == json{3, 3});
  CHECK_FALSE(answer.header("Server-Timing").empty());
  check_near(answer.json()["outputs"][0]["data"].get<std::vector<float>>(), expected);

  // Heads of several lengths, so that tensors begin anywhere.
  for (int pad = 0; pad < 5; ++pad) {
    json head{
        {"id", std::string(static_cast<std::size_t>(pad), 'x')},
        {"inputs",
         {{{"name", "input"}, {"datatype", "FP32"}, {"shape", {3, 4}}, {"parameters", {{"binary_data_size", 48}}}}}},
        {"parameters", {{"binary_data_output", true}}}};
    const std::string text = head.dump();
    answer = client.post("/v2/models/small/versions/1/infer", text + test::bytes_of(values),
                         "Inference-Header-Content-Length: " + std::to_string(text.size()) + "\r\n");
    REQUIRE(answer.status == 200);
    const std::size_t length = std::stoul(answer.header("Inference-Header-Content-Length"));
    const json tensor = json::parse(answer.body.substr(0, length))["outputs"][0];
    CHECK(tensor["parameters"]["binary_data_size"] == 36);
    check_near(test::floats_of(answer.body.substr(length)), expected);
  }
  // A tensor of another type that can be converted.
  const json head{
      {"inputs",
       {{{"name", "input"}, {"datatype", "INT8"}, {"shape", {1, 4}}, {"parameters", {{"binary_data_size", 4}}}}}}};
  answer = client.post(infer_small, head.dump() + std::string("\1\2\375\4", 4),
                       "Inference-Header-Content-Length: " + std::to_string(head.dump().size()) + "\r\n");
  check_near(answer.json()["outputs"][0]["data"].get<std::vector<float>>(),
             reference(model, {1.0F, 2.0F, -3.0F, 4.0F}));
}

TEST_CASE("requests that cannot be run are refused with the reason, and the connection goes on") {
  const Small small;
  HttpClient client = small.client();
  const auto refused = [&](const std::string& body, const std::string& why, int status = 400,
                           const std::string& headers = {}) {
    const HttpAnswer answer = client.post(infer_small, body, headers);
    CHECK(answer.status == status);
    CHECK_THAT(answer.json()["error"].get<std::string>(), ContainsSubstring(why));
    CHECK(answer.keep_alive);
  };
  refused("{", "is no JSON");
  refused(R"({"inputs": []})", "takes 1 input");
  refused(R"({"inputs": [{"name": "other", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]})", "'input'");
  refused(R"({"inputs": [{"name": "input", "shape": [4], "datatype": "FP32", "data": [1, 2, 3, 4]}]})", "(N, 4)");
  refused(R"({"inputs": [{"name": "input", "shape": [0, 4], "datatype": "FP32", "data": []}]})", "(N, 4)");
  refused(R"({"inputs": [{"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}],
             "outputs": [{"name": "nothing"}]})",
          "no output");
  refused(test::small_request({1, 2, 3, 4}), "no number", 400, "Inference-Header-Content-Length: x\r\n");
  refused(test::small_request({1, 2, 3, 4}), "no time", 400, "X-Request-Timeout-Ms: soon\r\n");
  CHECK(client.post(infer_small, test::small_request({1, 2, 3, 4})).status == 200);
  CHECK(client.get("/v2/models/small/stats").json()["requests"]["refused"] == 7);
}

TEST_CASE("requests may follow one another before the answers are there") {
  const Small small;
  HttpClient client = small.client();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += i % 5 == 4 ? "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
                      : HttpClient::request("POST", infer_small,
                                            test::small_request({1, 2, 3, static_cast<float>(i)}, std::to_string(i)));
  }
  std::thread sender([&] { client.send(all); });
  for (int i = 0; i < 50; ++i) {
    const HttpAnswer answer = client.receive();
    REQUIRE(answer.status == 200);
    if (i % 5 != 4) CHECK(answer.json()["id"] == std::to_string(i));
  }
  sender.join();
}

TEST_CASE("bodies may come in chunks, in pieces, and after a 100 Continue") {
  const Small small;
  HttpClient client = small.client();
  const std::string body = test::small_request({1, 2, 3, 4});
  const std::string head = "POST " + infer_small + " HTTP/1.1\r\nHost: x\r\n";
  client.send(head + "Transfer-Encoding: chunked\r\n\r\n5\r\n" + body.substr(0, 5) + "\r\n");
  std::array<char, 16> size{};
  std::snprintf(size.data(), size.size(), "%zx", body.size() - 5);
  client.send(std::string(size.data()) + "\r\n" + body.substr(5) + "\r\n0\r\n\r\n");
  CHECK(client.receive().status == 200);
  const std::string request = HttpClient::request("POST", infer_small, body);
  for (const char c : request) client.send(std::string(1, c));
  CHECK(client.receive().status == 200);
  client.send(head + "Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n");
  std::this_thread::sleep_for(20ms);
  client.send(body);
  CHECK(client.receive().status == 100);
  CHECK(client.receive().status == 200);
}

TEST_CASE("what is too large or too slow is cut off") {
  const Small small([](ServerOptions& options) {
    options.limits.body_bytes = 1000;
    options.limits.header_bytes = 1024;
    options.limits.idle = 300ms;
    options.limits.transfer = 300ms;
    options.limits.connections = 3;
  });
  {
    HttpClient client = small.client();
    client.send("POST " + infer_small + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
    const HttpAnswer answer = client.receive();
    CHECK(answer.status == 413);
    CHECK_FALSE(answer.keep_alive);
  }
  {
    HttpClient client = small.client();
    client.send("POST " + infer_small + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d1\r\n" +
                std::string(2001, ' ') + "\r\n0\r\n\r\n");
    CHECK(client.receive().status == 413);
  }
  {
    HttpClient client = small.client();
    client.send("GET /v2 HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n");
    CHECK(client.receive().status == 431);
  }
  {
    HttpClient client = small.client();
    client.send("This is no HTTP at all\r\n\r\n");
    CHECK(client.receive().status == 400);
    CHECK(client.ended());
  }
  {
    HttpClient half_a_header = small.client();
    half_a_header.send("POST /v2 HTTP");
    CHECK(half_a_header.ended());
    HttpClient half_a_body = small.client();
    half_a_body.send("POST " + infer_small + " HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{");
    CHECK(half_a_body.ended());
  }
  std::vector<HttpClient> many;
  for (int i = 0; i < 3; ++i) {
    many.push_back(small.client());
    CHECK(many.back().get("/v2/health/live").status == 200);
  }
  HttpClient one_more = small.client();
  CHECK(one_more.ended());
}

TEST_CASE("a full queue and a deadline turn requests away") {
  Gate gate;
  Small small(
      [&](ServerOptions& options) {
        options.repository.executors = gate.executors();
        options.repository.defaults.queue.capacity = 2;
        options.hang_after = 60s;
      },
      sum_model());
  gate.close(true);
  std::vector<HttpClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(small.client());
    const std::string headers = i == 2 ? "X-Request-Timeout-Ms: 20\r\n" : "";
    clients.back().send(HttpClient::request("POST", infer_small, test::small_request({1, 2, 3, 4}), headers));
    if (i == 0) gate.wait_until_inside(1);
    while (small.server->repository().find("small")->runner()->runner().waiting() < i) std::this_thread::yield();
  }
  HttpClient late = small.client();
  const HttpAnswer answer = late.post(infer_small, test::small_request({1, 2, 3, 4}));
  CHECK(answer.status == 429);
  CHECK(std::stoi(answer.header("Retry-After")) >= 1);
  std::this_thread::sleep_for(30ms);
  gate.close(false);
  CHECK(clients[0].receive().status == 200);
  CHECK(clients[1].receive().status == 200);
  CHECK(clients[2].receive().status == 504);
}

TEST_CASE("an instance that hangs is replaced, and its request answered") {
  Gate gate;
  Small small(
      [&](ServerOptions& options) {
        options.repository.executors = gate.executors();
        options.hang_after = 200ms;
      },
      sum_model());
  gate.close(true);
  HttpClient unlucky = small.client();
  unlucky.send(HttpClient::request("POST", infer_small, test::small_request({1, 2, 3, 4})));
  gate.wait_until_inside(1);
  {
    const std::lock_guard lock(gate.mutex);
    gate.closed = false;  // without waking the one inside
  }
  CHECK(unlucky.receive().status == 503);
  HttpClient next = small.client();
  const HttpAnswer answer = next.post(infer_small, test::small_request({1, 2, 3, 4}));
  CHECK(answer.status == 200);
  CHECK(answer.json()["outputs"][0]["data"] == json{10.0});
  CHECK(next.get("/v2/health/ready").status == 200);
  gate.close(false);  // it comes back, and nobody minds
  while (gate.inside > 0) std::this_thread::yield();
}

TEST_CASE("a short inference that hangs on the thread that read it takes neither the server nor its end along") {
  Gate gate;
  Small small(
      [&](ServerOptions& options) {
        options.repository.executors = gate.executors();
        options.hang_after = 200ms;
        options.short_run = 1s;
        options.drain_timeout = 50ms;
      },
      sum_model());
  HttpClient client = small.client();
  // Once it is known to be short beside the time between requests.
  for (int i = 0; i < 20; ++i) {
    CHECK(client.post(infer_small, test::small_request({1, 2, 3, 4})).json()["outputs"][0]["data"] == json{10.0});
    std::this_thread::sleep_for(10ms);
  }
  const std::shared_ptr<WatchedRunner> runner = small.server->repository().find("small")->runner();
  gate.close(true);
  HttpClient unlucky = small.client();
  unlucky.send(HttpClient::request("POST", infer_small, test::small_request({1, 2, 3, 4})));
  gate.wait_until_inside(1);
  CHECK(runner->runner().lent() == 1);
  {
    const std::lock_guard lock(gate.mutex);
    gate.closed = false;  // without waking the one inside
  }
  CHECK(unlucky.receive().status == 503);
  HttpClient next = small.client();
  CHECK(next.post(infer_small, test::small_request({1, 2, 3, 4})).status == 200);
  CHECK(next.get("/v2/health/ready").status == 200);
  static_cast<void>(small.server->drain());
  CHECK(next.ended());
  gate.close(false);  // it comes back, and nobody minds
  while (gate.inside > 0) std::this_thread::yield();
}

TEST_CASE("an instance that throws is replaced, and its request answered") {
  std::atomic<bool> armed{false};
  Small small(
      [&](ServerOptions& options) {
        options.repository.executors = [&armed](const Model<float>&, const RunConfig& config) {
          return test::SumExecutor(config.batch, 4, [&armed] {
            if (armed.exchange(false)) throw std::runtime_error("a cosmic ray");
          });
        };
      },
      sum_model());
  const auto before = small.server->repository().find("small")->runner();
  armed = true;
  HttpClient client = small.client();
  const HttpAnswer answer = client.post(infer_small, test::small_request({1, 2, 3, 4}));
  CHECK(answer.status == 500);
  CHECK_THAT(answer.body, ContainsSubstring("a cosmic ray"));
  while (small.server->repository().find("small")->runner() == before) std::this_thread::sleep_for(1ms);
  CHECK(client.post(infer_small, test::small_request({1, 2, 3, 4})).status == 200);
}

TEST_CASE("versions change under load without a request that fails") {
  Small small;
  const std::vector<float> values{1.0F, 2.0F, -3.0F, 4.0F};
  const std::vector<float> old_result = reference(test::small_network(1), values);
  const std::vector<float> new_result = reference(test::small_network(2), values);
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0}, answered{0};
  std::vector<std::thread> load;
  for (int i = 0; i < 2; ++i) {
    load.emplace_back([&] {
      HttpClient client = small.client();
      while (!stop) {
        const HttpAnswer answer = client.post(infer_small, test::small_request(values));
        bool good = answer.status == 200;
        if (good) {
          const json j = answer.json();
          const auto& expected = j["model_version"] == "1" ? old_result : new_result;
          const auto data = j["outputs"][0]["data"].get<std::vector<float>>();
          for (std::size_t k = 0; k < 3; ++k) good = good && std::abs(data[k] - expected[k]) < 1e-4F;
        }
        good ? ++answered : ++failed;
      }
    });
  }
  HttpClient admin = small.client();
  small.models.put("small", "2", test::small_network(2));
  CHECK(admin.post("/v2/repository/models/small/load").status == 200);
  CHECK(admin.post(infer_small, test::small_request(values)).json()["model_version"] == "2");
  CHECK(admin.post("/v2/repository/models/small/rollback").json()["version"] == "1");
  CHECK(admin.post("/v2/repository/models/small/load", R"({"parameters": {"version": "2"}})").status == 200);
  small.models.write("small/3/model.onnx", "damaged");
  CHECK(admin.post("/v2/repository/models/small/load").status == 400);
  CHECK(admin.post("/v2/repository/models/small/load", R"({"parameters": {"version": "9"}})").status == 404);
  stop = true;
  for (std::thread& thread : load) thread.join();
  CHECK(failed == 0);
  CHECK(answered > 0);
  const json index = admin.post("/v2/repository/index").json();
  CHECK(index.size() == 3);
  CHECK(admin.post("/v2/repository/index", R"({"ready": true})").json().size() == 2);
  CHECK(admin.post("/v2/repository/models/small/unload").status == 200);
  CHECK(admin.post(infer_small, test::small_request(values)).status == 503);
  CHECK(admin.get("/v2/models/small/ready").status == 503);
}

TEST_CASE("clients cannot change models where that is not allowed") {
  const Small small([](ServerOptions& options) { options.changes = false; });
  HttpClient client = small.client();
  CHECK(client.post("/v2/repository/models/small/unload").status == 403);
  CHECK(client.post("/v2/repository/index").status == 200);
}

TEST_CASE("a server that ends finishes what it has and takes nothing new") {
  Gate gate;
  Small small(
      [&](ServerOptions& options) {
        options.repository.executors = gate.executors();
        options.hang_after = 60s;
      },
      sum_model());
  const std::uint16_t port = small.server->port();
  gate.close(true);
  HttpClient client = small.client(), idle = small.client();
  CHECK(idle.get("/v2/health/ready").status == 200);
  client.send(HttpClient::request("POST", infer_small, test::small_request({1, 2, 3, 4})));
  gate.wait_until_inside(1);
  std::future<bool> drained = std::async(std::launch::async, [&] { return small.server->drain(); });
  CHECK(idle.ended());
  gate.close(false);
  const HttpAnswer answer = client.receive();
  CHECK(answer.status == 200);
  CHECK_FALSE(answer.keep_alive);
  CHECK(client.ended());
  CHECK(drained.get());
  CHECK_THROWS(HttpClient(port));
}

TEST_CASE("a server that ends leaves an instance that hangs behind, and minds no reply that comes late") {
  Gate gate;
  Small small(
      [&](ServerOptions& options) {
        options.repository.executors = gate.executors();
        options.hang_after = 60s;
        options.drain_timeout = 50ms;
      },
      sum_model());
  gate.close(true);
  HttpClient client = small.client(), idle = small.client();
  CHECK(idle.get("/v2/health/ready").status == 200);
  client.send(HttpClient::request("POST", infer_small, test::small_request({1, 2, 3, 4})));
  gate.wait_until_inside(1);
  CHECK_FALSE(small.server->drain());
  CHECK(client.ended());
  CHECK(idle.ended());
  gate.close(false);
  while (gate.inside > 0) std::this_thread::yield();
}

TEST_CASE("tokens say who may do what, and their file is read again") {
  test::ServedModels files;
  files.write("tokens.json", R"({"tokens": [{"name": "shop", "token": "token-of-the-shop"}]})");
  Small small([&](ServerOptions& options) { options.tokens = files.path("tokens.json"); });
  HttpClient client = small.client();
  const std::string shop = "Authorization: Bearer token-of-the-shop\r\n",
                    boss = "Authorization: Bearer token-of-the-boss\r\n";
  const std::string body = test::small_request({1, 2, 3, 4});
  CHECK(client.get("/v2/health/ready").status == 200);
  HttpAnswer answer = client.post(infer_small, body);
  CHECK(answer.status == 401);
  CHECK(answer.header("WWW-Authenticate") == "Bearer");
  CHECK(client.post(infer_small, body, shop).status == 200);
  CHECK(client.get("/metrics", shop).status == 403);
  CHECK(client.get("/live.json", shop).status == 403);
  CHECK(client.post("/v2/repository/models/small/unload", "", shop).status == 403);
  CHECK(client.post("/v2/models/small/traffic", R"({"kind": "current"})", shop).status == 403);
  CHECK(client.get("/v2/models/small/traffic", shop).status == 200);
  CHECK(client.get("/metrics", boss).status == 401);
  files.write("tokens.json", "broken");
  std::this_thread::sleep_for(700ms);
  CHECK(client.post(infer_small, body, shop).status == 200);
  files.write("tokens.json",
              R"({"tokens": [{"name": "boss", "token": "token-of-the-boss", "rights": ["watch", "change"]}]})");
  while (client.get("/metrics", boss).status != 200) std::this_thread::sleep_for(10ms);
  CHECK(client.post(infer_small, body, shop).status == 401);
  CHECK(client.post("/v2/repository/models/small/load", "", boss).status == 200);
}

TEST_CASE("a request that comes again is answered from the cache where that is wanted") {
  const Small small([](ServerOptions& options) { options.repository.defaults.cache_bytes = 1 << 20; });
  HttpClient client = small.client();
  const json first = client.post(infer_small, test::small_request({1, 2, 3, 4}, "a")).json();
  const json second = client.post(infer_small, test::small_request({1, 2, 3, 4}, "b")).json();
  const json other = client.post(infer_small, test::small_request({1, 2, 3, 5}, "b")).json();
  CHECK(first["outputs"] == second["outputs"]);
  CHECK(second["id"] == "b");
  CHECK(other["outputs"] != second["outputs"]);
  CHECK_THAT(client.get("/metrics").body,
             ContainsSubstring("fulcrum_cache_hits_total{model=\"small\",version=\"1\"} 1\n"));
}

TEST_CASE("traffic is shared by weights, and by a key where one is sent") {
  Small small;
  small.models.put("small", "2", test::small_network(2));
  HttpClient client = small.client();
  CHECK(client.post("/v2/models/small/traffic", R"({"kind": "weights", "weights": {"1": 3, "2": 1}})").status == 503);
  CHECK(
      client.post("/v2/repository/models/small/load", R"({"parameters": {"version": "2", "publish": false}})").status ==
      200);
  const auto version = [&](const std::string& headers = {}) {
    return client.post(infer_small, test::small_request({1, 2, 3, 4}), headers)
        .json()["model_version"]
        .get<std::string>();
  };
  CHECK(version() == "1");
  CHECK(client.post("/v2/models/small/traffic", R"({"kind": "weights", "weights": {"1": 3, "2": 1}})").status == 200);
  int second = 0;
  for (int i = 0; i < 100; ++i) second += version() == "2" ? 1 : 0;
  CHECK(second >= 24);
  CHECK(second <= 26);
  int users = 0;
  for (int user = 0; user < 100; ++user) {
    const std::string header = "X-Routing-Key: user " + std::to_string(user) + "\r\n";
    const std::string one = version(header);
    CHECK(version(header) == one);
    json request = json::parse(test::small_request({1, 2, 3, 4}));
    request["parameters"]["routing_key"] = "user " + std::to_string(user);
    CHECK(client.post(infer_small, request.dump()).json()["model_version"] == one);
    users += one == "2" ? 1 : 0;
  }
  CHECK(users > 10);
  CHECK(users < 45);
  CHECK(client.post("/v2/models/small/traffic", R"({"kind": "shadow", "version": "2", "share": 1})").status == 200);
  CHECK(version() == "1");
  while (client.get("/v2/models/small/versions/2/stats").json()["requests"]["ok"].get<int>() <= second + users)
    CHECK(version() == "1");
  CHECK(client.post("/v2/models/small/traffic", R"({"kind": "current"})").status == 200);
  CHECK(client.get("/v2/models/small/traffic").json()["plan"] == json{{"kind", "current"}});
}

TEST_CASE("a canary that fails is taken back, and one that does not is accepted") {
  std::atomic<bool> poisoned{true};
  std::mutex mutex;
  std::vector<std::string> log;
  Small small(
      [&](ServerOptions& options) {
        options.repository.executors = [&poisoned](const Model<float>& model, const RunConfig& config) {
          const bool second = model.nodes().size() == 3;  // the network of version 2 has an activation
          return test::SumExecutor(config.batch, 4, [&poisoned, second, runs = 0]() mutable {
            if (second && poisoned && ++runs > 3) throw std::runtime_error("poisoned");
          });
        };
        options.log = [&](std::string_view line) {
          const std::lock_guard lock(mutex);
          log.emplace_back(line);
        };
      },
      sum_model());
  small.models.put("small", "2", ModelBuilder<float>("sum", 1).input({4}).dense(1).relu().build());
  HttpClient client = small.client();
  const std::string load = R"({"parameters": {"version": "2", "publish": false}})";
  const std::string plan = R"({"kind": "canary", "version": "2", "steps": [0.3, 0.6], "pairs_per_step": 20})";
  const auto course = [&] {
    CHECK(client.post("/v2/repository/models/small/load", load).status == 200);
    CHECK(client.post("/v2/models/small/traffic", plan).status == 200);
    for (int i = 0; i < 5000 && client.get("/v2/models/small/traffic").json()["plan"]["kind"] == "canary"; ++i)
      client.post(infer_small, test::small_request({1, 2, 3, 4}));
    return client.get("/v2/models/small/traffic").json();
  };
  json end = course();
  CHECK(end["current"] == "1");
  CHECK(end["last_canary"]["verdict"] == "rejected");
  CHECK(end["last_canary"]["because"] == "errors");
  CHECK(client.post("/v2/models/small/outcome", R"({"version": "2", "bad": 1})").status == 409);
  poisoned = false;
  end = course();
  CHECK(end["current"] == "2");
  CHECK(end["last_canary"]["verdict"] == "accepted");
  const std::lock_guard lock(mutex);
  const auto logged = [&](const char* event) {
    return std::any_of(log.begin(), log.end(),
                       [&](const std::string& line) { return json::parse(line)["event"] == event; });
  };
  for (const char* event : {"traffic_changed", "canary_rolled_back", "canary_step", "canary_accepted"})
    CHECK(logged(event));
}

TEST_CASE("the live page is whole in itself, and has its figures") {
  const Small small;
  HttpClient client = small.client();
  const HttpAnswer page = client.get("/live");
  CHECK(page.status == 200);
  CHECK(page.body.find("src=") == std::string::npos);
  CHECK(page.body.find("http") == std::string::npos);
  client.post(infer_small, test::small_request({1, 2, 3, 4}));
  const json figures = client.get("/live.json").json();
  CHECK(figures["versions"][0]["outcomes"]["ok"] == 1);
  CHECK(figures["versions"][0]["latency"].size() == figures["bounds_ms"].size() + 1);
}

TEST_CASE("damaged requests of any kind do no harm") {
  const Small small([](ServerOptions& options) { options.limits.body_bytes = 100'000; });
  const std::string body = test::small_request({1, 2, 3, 4}, "id");
  const json head{
      {"inputs",
       {{{"name", "input"}, {"datatype", "FP32"}, {"shape", {1, 4}}, {"parameters", {{"binary_data_size", 16}}}}}}};
  const std::vector<std::string> good{
      HttpClient::request("POST", infer_small, body),
      HttpClient::request("POST", infer_small, head.dump() + std::string(16, '\1'),
                          "Inference-Header-Content-Length: " + std::to_string(head.dump().size()) + "\r\n"),
      "POST " + infer_small + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + body.substr(0, 5) +
          "\r\n0\r\n\r\n",
      HttpClient::request("POST", "/v2/models/small/traffic", R"({"kind": "weights", "weights": {"1": 1}})"),
      HttpClient::request("POST", "/v2/repository/index", R"({"ready": true})"),
      "GET /v2/models/small/versions/1/stats HTTP/1.1\r\nHost: x\r\n\r\n"};
  Random random(5);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int i = 0; i < 600; ++i) {
    std::string bytes = good[below(good.size())];
    const std::size_t changes = 1 + below(4);
    for (std::size_t change = 0; change < changes && !bytes.empty(); ++change) {
      const std::size_t at = below(bytes.size());
      switch (below(5)) {
        case 0: bytes[at] = static_cast<char>(below(256)); break;
        case 1: bytes.erase(at, 1 + below(20)); break;
        case 2: bytes.insert(at, std::string(1 + below(3), static_cast<char>(below(256)))); break;
        case 3: bytes.resize(at); break;
        case 4: bytes.insert(at, bytes.substr(below(bytes.size()), below(200))); break;
      }
    }
    HttpClient client = small.client();
    const std::string answer = client.exchange(bytes);
    if (!answer.empty()) CHECK(answer.starts_with("HTTP/1."));
  }
  HttpClient client = small.client();
  CHECK(client.post(infer_small, body).status == 200);
  CHECK(client.get("/v2/models/small/stats").json()["requests"]["failed"] == 0);
}
