// What clients send a server's socket: bytes that may or may not be requests of HTTP and of the protocol behind it.
// Every connection has to end, and a well-formed request on the next one has to be answered.

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/onnx/export.hpp>
#include <fulcrum/serve/server.hpp>

using namespace fulcrum;

namespace {

/// Adds up the four numbers of each of its samples.
struct Sum {
  std::int64_t batch = 1;
  [[nodiscard]] std::vector<Shape> src_shapes() const { return {{batch, 4}}; }
  [[nodiscard]] std::vector<Shape> dst_shapes() const { return {{batch, 1}}; }
  void execute(std::span<const float* const> src, std::span<float* const> dst) const {
    for (std::int64_t i = 0; i < batch; ++i)
      dst[0][i] = src[0][4 * i] + src[0][4 * i + 1] + src[0][4 * i + 2] + src[0][4 * i + 3];
  }
};

class Server {
public:
  Server() : folder_(std::filesystem::temp_directory_path() / ("http_fuzz_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_ / "m" / "1");
    export_onnx(ModelBuilder<float>("sum", 1).input({4}).dense(1).build(),
                (folder_ / "m" / "1" / "model.onnx").string());
    ServerOptions options;
    options.port = 0;
    options.repository.folder = folder_.string();
    options.repository.executors = [](const Model<float>&, const RunConfig& config) { return Sum{config.batch}; };
    options.repository.defaults.batching.max_batch = 4;
    options.limits.body_bytes = 1U << 16U;
    options.limits.header_bytes = 2048;
    options.hang_after = std::chrono::seconds(60);
    options.log = [](std::string_view line) { bytes_logged_ += line.size(); };
    server_ = std::make_unique<InferenceServer>(options);
    if (!server_->load().empty()) std::abort();
    std::filesystem::remove_all(folder_ / "m" / "2");
  }
  ~Server() {
    server_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Sends bytes, says that there are no more, and reads until the server ends the connection.
  std::string exchange(std::string_view bytes) const {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
    // The server may have seen enough before it has all: what cannot be sent any more is no error.
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ::ssize_t now = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (now <= 0) break;
      sent += static_cast<std::size_t>(now);
    }
    ::shutdown(socket, SHUT_WR);
    timeval patience{5, 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string all;
    std::array<char, 8192> part{};
    ::ssize_t got = 0;
    // The fuzzer's own timer interrupts a wait now and then.
    while ((got = ::recv(socket, part.data(), part.size(), 0)) > 0 || (got < 0 && errno == EINTR))
      all.append(part.data(), static_cast<std::size_t>(std::max<::ssize_t>(got, 0)));
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      std::fputs("the server does not end the connection\n", stderr);
      std::abort();
    }
    ::close(socket);
    return all;
  }

private:
  static inline std::atomic<std::size_t> bytes_logged_{0};
  std::filesystem::path folder_;
  std::unique_ptr<InferenceServer> server_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Server server;
  static unsigned runs = 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(server.exchange(bytes));
  if (++runs % 64 != 0) return 0;
  // Whatever came before: the model may have been unloaded and traffic changed, but the server answers.
  static constexpr std::string_view load =
      "POST /v2/repository/models/m/load HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  static constexpr std::string_view current =
      "POST /v2/models/m/traffic HTTP/1.1\r\nHost: x\r\nContent-Length: 18\r\n\r\n{\"kind\":\"current\"}";
  static constexpr std::string_view infer =
      "POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 83\r\n\r\n"
      R"({"inputs":[{"name":"input","datatype":"FP32","shape":[1,4],"data":[1,2,3,4]}]}     )";
  const std::string loaded = server.exchange(load), changed = server.exchange(current), answer = server.exchange(infer);
  if (!loaded.starts_with("HTTP/1.1 200") || !changed.starts_with("HTTP/1.1 200") ||
      answer.find("[10]") == std::string::npos) {
    std::fprintf(stderr, "a well-formed request was not answered:\n%s\n%s\n%s\n", loaded.c_str(), changed.c_str(),
                 answer.c_str());
    std::abort();
  }
  return 0;
}
