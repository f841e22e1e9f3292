#include <fulcrum/serve/request_error.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a request's error is an Error with a status") {
  const RequestError error(404, "model 'x'", "is not here", "list them");
  CHECK(error.status() == 404);
  CHECK(std::string(error.what()) == "model 'x': is not here; list them");
}
