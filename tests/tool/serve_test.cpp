// fulcrum serve as a process, asked by clients of other makes.

#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include <support/catch.hpp>
#include <support/http_client.hpp>
#include <support/served_models.hpp>
#include <tool/program.hpp>

using namespace fulcrum;

namespace {

/// The tool, serving in the background until it is told to end.
class ServingTool {
public:
  ServingTool(const test::TemporaryFolder& folder, const std::string& arguments) : folder_(&folder) {
    const std::string command =
        "cd '" + folder.path("") + "' && ('" FULCRUM_TOOL "' serve " + arguments +
        " > out.txt 2> log.txt & echo $! > pid.txt; wait $!; echo $? > code.txt) > /dev/null 2>&1 &";
    if (std::system(command.c_str()) != 0) throw std::runtime_error("the tool was not started");
    while (text("out.txt").find("ready\n") == std::string::npos && text("code.txt").empty())
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ServingTool(const ServingTool&) = delete;
  ServingTool& operator=(const ServingTool&) = delete;
  ~ServingTool() {
    if (text("code.txt").empty()) static_cast<void>(end());
  }

  /// "http://127.0.0.1:41234"
  [[nodiscard]] std::string url() const {
    const std::string out = text("out.txt");
    const std::size_t from = out.find("http://");
    return from == std::string::npos ? std::string() : out.substr(from, out.find('\n') - from);
  }
  [[nodiscard]] std::string address_port() const {
    const std::string out = text("out.txt");
    const std::size_t from = out.find("127.0.0.1:") + 10;
    return out.substr(from, out.find('\n') - from);
  }
  [[nodiscard]] std::uint16_t port() const {
    return static_cast<std::uint16_t>(std::stoi(url().substr(url().rfind(':') + 1)));
  }
  [[nodiscard]] pid_t pid() const { return std::stoi(text("pid.txt")); }
  [[nodiscard]] std::string log() const { return text("log.txt"); }
  /// Asks it to end, as a service manager does.
  /// \return its exit code
  int end() const {
    ::kill(pid(), SIGTERM);
    while (text("code.txt").empty()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return std::stoi(text("code.txt"));
  }

private:
  [[nodiscard]] std::string text(const std::string& file) const {
    try {
      return read_file(folder_->path(file));
    } catch (const Error&) {
      return {};
    }
  }

  const test::TemporaryFolder* folder_;
};

bool is_there(const std::string& program) {
  return std::system(("command -v " + program + " > /dev/null").c_str()) == 0;
}

/// \return exit code
int run(const std::string& command) {
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("the server as a process: clients of other makes, and an end by SIGTERM") {
  const test::TemporaryFolder folder;
  test::ServedModels models;
  models.put("small", "1", test::small_network(1));
  const ServingTool tool(folder, "--port 0 --models '" + models.path() + "'");
  REQUIRE(tool.url().starts_with("http://127.0.0.1:"));
  if (is_there("node")) {
    CHECK(run("timeout 60 node '" FULCRUM_KSERVE_CLIENT "' " + tool.url() + " small > '" + folder.path("node.txt") +
              "' 2>&1") == 0);
    CHECK(read_file(folder.path("node.txt")) == "as specified\n");
  }
  if (is_there("curl")) {
    models.write("request.json", test::small_request({1, 2, 3, 4}));
    CHECK(run("curl -sf -o '" + folder.path("curl.txt") + "' -d @'" + models.path("request.json") + "' " + tool.url() +
              "/v2/models/small/infer") == 0);
    CHECK(nlohmann::json::parse(read_file(folder.path("curl.txt")))["outputs"][0]["data"].size() == 3);
  }
  test::HttpClient client(tool.port());
  CHECK(client.get("/v2/health/ready").status == 200);
  CHECK(tool.end() == 0);
  CHECK_THAT(tool.log(), ContainsSubstring("\"event\":\"draining\""));
}

TEST_CASE("serve refuses what it cannot do, in a sentence") {
  const test::TemporaryFolder folder;
  const auto refused = [&](const std::string& arguments, const std::string& why, int code = 1) {
    const test::Finished finished = test::run_tool(folder, "serve " + arguments);
    CHECK(finished.exit_code == code);
    CHECK_THAT(finished.errors, ContainsSubstring(why));
  };
  refused("--models nowhere", "is no folder");
  refused("--models . --host nowhere", "is no address");
  refused("--models . --config none.json", "fulcrum: none.json: does not exist");
  refused("", "--models is required", 2);
}

TEST_CASE("a worker that is killed is started again, and the others go on") {
  const test::TemporaryFolder folder;
  test::ServedModels models;
  models.put("small", "1", test::small_network(1));
  std::uint16_t port = 0;
  {
    boost::asio::io_context context;
    port = boost::asio::ip::tcp::acceptor(context, {boost::asio::ip::make_address("127.0.0.1"), 0})
               .local_endpoint()
               .port();
  }
  const ServingTool tool(folder, "--workers 2 --models '" + models.path() + "' --port " + std::to_string(port));
  REQUIRE(tool.port() == port);
  const auto answered = [&] {
    for (int i = 0; i < 200; ++i) {
      try {
        test::HttpClient client(port);
        if (client.post("/v2/models/small/infer", test::small_request({1, 2, 3, 4})).status == 200) return true;
      } catch (const std::exception&) {  // the worker was just killed
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  };
  CHECK(answered());
  CHECK(run("pkill -KILL -o -P " + std::to_string(tool.pid())) == 0);
  while (tool.log().find("worker_crashed") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(answered());
  CHECK(tool.end() == 0);
}

TEST_CASE("with a certificate the server speaks TLS") {
  if (!is_there("openssl") || !is_there("curl")) {
    WARN("openssl or curl is not there: nothing was tested");
    return;
  }
  const test::TemporaryFolder folder;
  test::ServedModels models;
  models.put("small", "1", test::small_network(1));
  REQUIRE(
      run("cd '" + folder.path("") +
          "' && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost "
          "-addext subjectAltName=IP:127.0.0.1 2> /dev/null") == 0);
  const ServingTool tool(folder, "--port 0 --tls-cert cert.pem --tls-key key.pem --models '" + models.path() + "'");
  models.write("request.json", test::small_request({1, 2, 3, 4}));
  const std::string url = "https://127.0.0.1:" + tool.address_port() + "/v2/models/small/infer";
  CHECK(run("curl -sf --cacert '" + folder.path("cert.pem") + "' -o '" + folder.path("answer") + "' -d @'" +
            models.path("request.json") + "' " + url + " " + url) == 0);
  CHECK_THAT(read_file(folder.path("answer")), ContainsSubstring("\"outputs\""));
  CHECK(run("curl -s http://127.0.0.1:" + tool.address_port() + "/v2") != 0);
  CHECK(tool.end() == 0);
}
