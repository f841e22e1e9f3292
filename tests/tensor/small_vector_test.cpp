#include <fulcrum/tensor/small_vector.hpp>

#include <cstdint>
#include <functional>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// Whether the elements lie in the vector itself.
bool holds_its_elements(const SmallVector<std::int64_t>& vector) {
  const auto* begin = reinterpret_cast<const unsigned char*>(&vector);
  const auto* first = reinterpret_cast<const unsigned char*>(vector.data());
  const std::less<> before;
  return !before(first, begin) && before(first, begin + sizeof(vector));
}

}  // namespace

TEST_CASE("a small vector keeps eight elements in itself and takes more from the heap") {
  SmallVector<std::int64_t> vector;
  for (std::int64_t i = 0; i < 8; ++i) vector.push_back(i);
  CHECK(holds_its_elements(vector));
  vector.push_back(8);
  CHECK_FALSE(holds_its_elements(vector));
  for (std::int64_t i = 0; i < 9; ++i) CHECK(vector[static_cast<std::size_t>(i)] == i);
}
