#include <fulcrum/serve/http_load.hpp>

#include <fulcrum/load/generate_load.hpp>
#include <fulcrum/serve/server.hpp>

#include <support/catch.hpp>
#include <support/served_models.hpp>

using namespace fulcrum;

TEST_CASE("the address of a served model has its parts") {
  const ServedAt where = served_at("http://localhost:8080/v2/models/classifier/versions/3/infer");
  CHECK(where.host == "localhost");
  CHECK(where.port == 8080);
  CHECK(where.model == "classifier");
  CHECK(where.version == "3");
  CHECK(served_at("http://[::1]:81/v2/models/a").host == "::1");
  CHECK(served_at("http://host/v2/models/a/").port == 80);
  for (const char* bad :
       {"", "localhost", "https://h/v2/models/a", "http://h/v2/models/", "http:///v2/models/a",
        "http://h:0/v2/models/a", "http://h:x/v2/models/a", "http://h/v2/models/a b", "http://h/v2/models/a/b"}) {
    INFO(bad);
    CHECK_THROWS_WITH(served_at(bad), ContainsSubstring("no address of a served model"));
  }
}

TEST_CASE("a load over HTTP is one as any other") {
  test::ServedModels models;
  models.put("small", "1", test::small_network(1));
  InferenceServer server(models.options());
  CHECK(server.load().empty());
  const ServedAt where{"127.0.0.1", server.port(), "small", ""};
  for (const bool binary : {true, false}) {
    HttpLoadOptions options;
    options.binary = binary;
    options.connections = 4;
    LoadOptions load;
    load.duration = Seconds(0.3);
    load.warm_up = Seconds(0.0);
    const LoadReport report = generate_load(HttpLoad(where, options), Server{ConstantArrivals{200.0}}, load);
    CHECK(report.requests.issued == report.requests.done);
    CHECK(report.requests.done >= 50);
  }
  CHECK_THROWS_WITH(HttpLoad({"127.0.0.1", server.port(), "other", ""}), ContainsSubstring("404"));
  const std::uint16_t port = server.port();
  server.drain();
  CHECK_THROWS_WITH(HttpLoad({"127.0.0.1", port, "small", ""}), ContainsSubstring("does not answer"));
}
