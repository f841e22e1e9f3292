#include <fulcrum/serve/server_options.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("options out of range are refused") {
  CHECK_NOTHROW(validate(ServerOptions{}));
  const auto fails = [](auto change, const char* what) {
    ServerOptions options;
    change(options);
    CHECK_THROWS_WITH(validate(options), ContainsSubstring(what));
  };
  fails([](ServerOptions& o) { o.limits.header_bytes = 10; }, "header");
  fails([](ServerOptions& o) { o.limits.connections = 0; }, "connections");
  fails([](ServerOptions& o) { o.limits.idle = std::chrono::milliseconds(0); }, "time limit");
  fails([](ServerOptions& o) { o.io_threads = 0; }, "threads");
  fails([](ServerOptions& o) { o.short_run = std::chrono::microseconds(-1); }, "short inference");
  fails([](ServerOptions& o) { o.hang_after = std::chrono::milliseconds(0); }, "hangs");
}
