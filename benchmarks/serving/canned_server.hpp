#pragma once
/// \file
/// The floor of a machine: a server that gives every request the same answer, with nothing behind it.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fulcrum/core/error.hpp>

namespace fulcrum::benchmark {

/// One thread that waits for bytes, looks for the end of a request and sends the answer. It answers GET with the
/// metadata of a model, so that HttpLoad takes it for a server of that model.
class CannedServer {
public:
  CannedServer(const std::string& metadata, const std::string& result)
      : metadata_(response(metadata, "application/json")), result_(response(result, "application/octet-stream")) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw Error("the canned server", "cannot listen", "free a port");
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  CannedServer(const CannedServer&) = delete;
  CannedServer& operator=(const CannedServer&) = delete;
  ~CannedServer() {
    ending_ = true;
    thread_.join();
    ::close(listener_);
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

private:
  static std::string response(const std::string& body, const std::string& type) {
    return "HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }

  struct Client {
    int socket = -1;
    std::string bytes{};
  };

  void serve() {
    std::vector<Client> clients;
    std::vector<pollfd> waiting;
    while (!ending_) {
      waiting.assign(1, {listener_, POLLIN, 0});
      for (const Client& client : clients) waiting.push_back({client.socket, POLLIN, 0});
      if (::poll(waiting.data(), waiting.size(), 50) <= 0) continue;
      for (std::size_t i = 0; i < clients.size(); ++i) {
        if (waiting[i + 1].revents != 0) answer(clients[i]);
      }
      std::erase_if(clients, [](const Client& client) { return client.socket < 0; });
      if (waiting.front().revents == 0) continue;
      const int socket = ::accept(listener_, nullptr, nullptr);
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      clients.push_back({socket});
    }
    for (const Client& client : clients) ::close(client.socket);
  }

  void answer(Client& client) {
    char bytes[65'536];
    const ::ssize_t count = ::recv(client.socket, bytes, sizeof bytes, 0);
    if (count <= 0) {
      ::close(std::exchange(client.socket, -1));
      return;
    }
    client.bytes.append(bytes, static_cast<std::size_t>(count));
    for (;;) {
      const std::size_t end = client.bytes.find("\r\n\r\n");
      if (end == std::string::npos) return;
      constexpr std::string_view key = "\r\nContent-Length: ";
      const std::size_t at = client.bytes.rfind(key, end);
      const std::size_t body =
          at == std::string::npos ? 0 : std::strtoull(client.bytes.c_str() + at + key.size(), nullptr, 10);
      if (client.bytes.size() < end + 4 + body) return;
      const std::string& reply = client.bytes.starts_with("GET") ? metadata_ : result_;
      static_cast<void>(!::send(client.socket, reply.data(), reply.size(), MSG_NOSIGNAL));
      client.bytes.erase(0, end + 4 + body);
    }
  }

  std::string metadata_, result_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace fulcrum::benchmark
