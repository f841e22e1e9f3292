#include <fulcrum/measure/turns.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("turns go forwards in one round and backwards in the next") {
  std::vector<std::size_t> order;
  for (std::size_t round = 0; round < 3; ++round) {
    for (std::size_t place = 0; place < 3; ++place) order.push_back(whose_turn(round, place, 3));
  }
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 2, 1, 0, 0, 1, 2});
}
