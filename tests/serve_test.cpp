#include <fulcrum/serve.hpp>

#include <support/catch.hpp>

TEST_CASE("one header has a server of models") {
  fulcrum::ServerOptions options;
  options.port = 0;
  options.repository.folder = "/nowhere/at/all";
  CHECK_THROWS_WITH(fulcrum::InferenceServer(options), ContainsSubstring("is no folder"));
}
