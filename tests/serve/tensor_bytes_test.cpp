#include <fulcrum/serve/tensor_bytes.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

std::vector<float> there_and_back(ElementType type, const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * wire_bytes(type));
  encode_tensor(type, values, bytes);
  std::vector<float> back(values.size());
  decode_tensor(type, bytes, back);
  return back;
}

}  // namespace

TEST_CASE("every element type has its name in the protocol") {
  for (const ElementType type : all_element_types) CHECK(element_from_kserve(kserve_datatype(type)) == type);
  CHECK_FALSE(element_from_kserve("BYTES").has_value());
  CHECK_FALSE(element_from_kserve("fp32").has_value());
}

TEST_CASE("what a type holds exactly comes back from its bytes") {
  for (const ElementType type : all_element_types) {
    INFO(name_of(type));
    std::vector<float> values{0.0F, 1.0F, 1.0F};
    if (type != ElementType::boolean) values.insert(values.end(), {2.0F, 100.0F, 127.0F});
    if (is_floating(type)) values.insert(values.end(), {-0.5F, 0.0078125F, std::numeric_limits<float>::infinity()});
    CHECK(there_and_back(type, values) == values);
  }
}

TEST_CASE("half precision rounds as a conversion to it does") {
  std::vector<float> values{65'504.0F,     65'519.0F, 65'520.0F, 5.9604645e-8F, 2.9802322e-8F, 2.99e-8F,
                            6.1035156e-5F, 6.1e-5F,   -1e-4F,    2047.9F,       0.33333334F,   1e-20F};
  for (int i = 0; i < 2000; ++i) values.push_back(std::ldexp(1.0F + static_cast<float>(i) / 1999.0F, i % 40 - 26));
  const std::vector<float> back = there_and_back(ElementType::f16, values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    INFO(values[i]);
    CHECK(back[i] == converted_to(ElementType::f16, values[i]));
  }
}

TEST_CASE("integers past the ends of their type take its end") {
  const std::vector<float> values{-1000.0F, 1000.0F, 1.9F, std::numeric_limits<float>::quiet_NaN()};
  CHECK(there_and_back(ElementType::s8, values) == std::vector<float>{-128.0F, 127.0F, 1.0F, 0.0F});
  CHECK(there_and_back(ElementType::u8, values) == std::vector<float>{0.0F, 255.0F, 1.0F, 0.0F});
  CHECK(there_and_back(ElementType::s64, {1e30F})[0] == Approx(9.2233720368547758e18F));
}
