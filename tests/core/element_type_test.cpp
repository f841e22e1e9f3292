#include <fulcrum/core/element_type.hpp>

#include <cmath>
#include <limits>
#include <set>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("every element type has a name of its own and is a float, an integer or a boolean") {
  std::set<std::string_view> names;
  for (const ElementType type : all_element_types) {
    CAPTURE(name_of(type));
    names.insert(name_of(type));
    CHECK((is_floating(type) ? 1 : 0) + (integer_bits(type) > 0 ? 1 : 0) + (type == ElementType::boolean ? 1 : 0) == 1);
  }
  CHECK(names.size() == all_element_types.size());
  CHECK(names.count("?") == 0);
  CHECK(integer_bits(ElementType::u8) == 8);
  CHECK(integer_bits(ElementType::s64) == 64);
}

TEST_CASE("integers drop the fraction, towards 0") {
  CHECK(converted_to(ElementType::s32, 2.9) == 2.0);
  CHECK(converted_to(ElementType::s64, -2.9) == -2.0);
  CHECK(converted_to(ElementType::s8, -128.7F) == -128.0F);
  CHECK_FALSE(std::signbit(converted_to(ElementType::s32, -0.5)));
}

TEST_CASE("integers wrap around past their range, as conversions of a wider integer do") {
  for (const double x : {-1000.0, -257.0, -129.0, -128.0, -1.0, 0.0, 127.0, 128.0, 255.0, 256.0, 70000.0, 3e9, -3e9}) {
    CAPTURE(x);
    const auto whole = static_cast<std::int64_t>(x);
    CHECK(converted_to(ElementType::s8, x) == static_cast<double>(static_cast<std::int8_t>(whole)));
    CHECK(converted_to(ElementType::u8, x) == static_cast<double>(static_cast<std::uint8_t>(whole)));
    CHECK(converted_to(ElementType::s16, x) == static_cast<double>(static_cast<std::int16_t>(whole)));
    CHECK(converted_to(ElementType::u16, x) == static_cast<double>(static_cast<std::uint16_t>(whole)));
    CHECK(converted_to(ElementType::s32, x) == static_cast<double>(static_cast<std::int32_t>(whole)));
    CHECK(converted_to(ElementType::u32, x) == static_cast<double>(static_cast<std::uint32_t>(whole)));
    CHECK(converted_to(ElementType::s64, x) == x);
  }
}

TEST_CASE("a boolean is whether a number differs from 0") {
  CHECK(converted_to(ElementType::boolean, 0.0) == 0.0);
  CHECK(converted_to(ElementType::boolean, -0.0) == 0.0);
  CHECK(converted_to(ElementType::boolean, 0.25) == 1.0);
  CHECK(converted_to(ElementType::boolean, -3.0) == 1.0);
  CHECK(converted_to(ElementType::boolean, std::numeric_limits<double>::quiet_NaN()) == 1.0);
}

TEST_CASE("no integer stands for NaN or infinity, floats keep them") {
  for (const double x : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
                         -std::numeric_limits<double>::infinity()}) {
    CHECK(converted_to(ElementType::s32, x) == 0.0);
    CHECK(converted_to(ElementType::u64, x) == 0.0);
    for (const ElementType type : {ElementType::f32, ElementType::f64, ElementType::f16, ElementType::bf16}) {
      CAPTURE(name_of(type), x);
      const double y = converted_to(type, x);
      CHECK((std::isnan(x) ? std::isnan(y) : y == x));
    }
  }
}

TEST_CASE("floats round to the nearest of their type, ties to even") {
  CHECK(converted_to(ElementType::f64, 0.1) == 0.1);
  CHECK(converted_to(ElementType::f32, 0.1) == static_cast<double>(0.1F));
  CHECK(converted_to(ElementType::f16, 0.1) == 0.0999755859375);
  CHECK(converted_to(ElementType::f16, 2049.0) == 2048.0);  // halfway between 2048 and 2050
  CHECK(converted_to(ElementType::f16, 2051.0) == 2052.0);
  CHECK(converted_to(ElementType::f16, 65504.0) == 65504.0);
  CHECK(converted_to(ElementType::f16, 65519.0) == 65504.0);
  CHECK(converted_to(ElementType::f16, -65520.0) == -std::numeric_limits<double>::infinity());
  CHECK(converted_to(ElementType::f16, 0x1p-24) == 0x1p-24);  // the smallest of all
  CHECK(converted_to(ElementType::f16, 0x1p-25) == 0.0);      // halfway to it
  CHECK(converted_to(ElementType::f16, 0x1.8p-25) == 0x1p-24);
  CHECK(converted_to(ElementType::f16, 0x1.004p-14) == 0x1.004p-14);
  CHECK(converted_to(ElementType::bf16, 1.0 + 0x1p-8) == 1.0);  // halfway to 1 + 2^-7
  CHECK(converted_to(ElementType::bf16, 1.0 + 0x3p-8) == 1.0 + 0x1p-6);
}
