#include <fulcrum/exec/kernels/cast.hpp>

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <fulcrum/core/random.hpp>
#include <support/catch.hpp>

using namespace fulcrum;
using namespace fulcrum::detail::onednn;

TEST_CASE("floats become those of 16 bits alike, one by one or eight at a time, and in place") {
  Random random(5);
  for (const ElementType type : {ElementType::f16, ElementType::bf16}) {
    for (const std::size_t count : {0U, 1U, 7U, 8U, 9U, 1000U}) {
      for (const int threads : {1, 3}) {
        std::vector<float> elements(count + 1);
        for (float& x : elements) {
          const auto bits = static_cast<std::uint32_t>(random());
          x = std::bit_cast<float>(bits % 3 == 0 ? bits : (bits & 0x87ffffffU) | 0x38000000U);  // many in f16's range
          if (std::isnan(x)) x = 65520.0F;  // whose payload may differ
        }
        const std::vector<float> before = elements;
        const std::array<void*, 2> pointers{elements.data(), elements.data()};
        cast_function(type, static_cast<std::int64_t>(count), threads)(pointers);
        for (std::size_t i = 0; i < count; ++i) {
          INFO(before[i]);
          REQUIRE(elements[i] == converted_to(type, before[i]));
        }
        CHECK(elements[count] == before[count]);
      }
    }
  }
}
