#include <fulcrum/schedule/algorithm.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("every algorithm has a name of its own, which is read back") {
  for (const Algorithm algorithm : all_algorithms) CHECK(algorithm_from(name_of(algorithm)) == algorithm);
  CHECK_THROWS_WITH(algorithm_from("magic"), ContainsSubstring("'magic'"));
}
