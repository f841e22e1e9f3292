#include <fulcrum/layers/binary.hpp>

#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("element-wise functions of two arguments compute what they are called") {
  CHECK(Binary{BinaryKind::add}(2.0, 3.0) == 5.0);
  CHECK(Binary{BinaryKind::mul}(2.0, 3.0) == 6.0);
  CHECK(name_of(BinaryKind::add) == "Add");
  CHECK(name_of(BinaryKind::mul) == "Mul");
}

TEST_CASE("their shapes broadcast, one FLOP per element of the result") {
  const Binary add;
  const std::vector<Shape> src{{2, 8, 4, 4}, {8, 1, 1}};
  CHECK(add.dst_shape(src) == Shape{2, 8, 4, 4});
  CHECK(add.work(src, {2, 8, 4, 4}) == Work{256.0, 264, 0, 256});
}

TEST_CASE("they take two sources that fit") {
  const std::vector<Shape> one{{2}};
  const std::vector<Shape> apart{{2, 3}, {4, 3}};
  CHECK_THROWS_WITH(Binary{}.dst_shape(one), ContainsSubstring("takes 2"));
  CHECK_THROWS_WITH(Binary{}.dst_shape(apart), ContainsSubstring("broadcast"));
}
