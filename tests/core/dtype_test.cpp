#include <fulcrum/core/dtype.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
template <class T>
void check(DType dtype, const std::string& name) {
  CHECK(dtype_of<T> == dtype);
  CHECK(size_of(dtype) == sizeof(T));
  CHECK(name_of(dtype) == name);
}
}  // namespace

TEST_CASE("an element type, its name and its size belong together") {
  check<float>(DType::f32, "f32");
  check<double>(DType::f64, "f64");
  check<bf16>(DType::bf16, "bf16");
  check<std::int8_t>(DType::s8, "s8");
  check<std::uint8_t>(DType::u8, "u8");
  check<std::int32_t>(DType::s32, "s32");
  check<std::int64_t>(DType::s64, "s64");
}

TEST_CASE("a precision is found by its own name") {
  for (const Precision precision : all_precisions) {
    CHECK(precision_from(name_of(precision)) == precision);
  }
  CHECK(size_of(Precision::f32) == 4);
  CHECK(size_of(Precision::bf16) == 2);
  CHECK(size_of(Precision::int8) == 1);
}

TEST_CASE("an element type is found by its own name") {
  for (const DType dtype : all_dtypes) CHECK(dtype_from(name_of(dtype)) == dtype);
  CHECK_THROWS_WITH(dtype_from("s4"), ContainsSubstring("f32, f64, bf16, s8, u8, s32 or s64"));
}

TEST_CASE("an unknown precision is refused with the names that are known") {
  CHECK_THROWS_WITH(precision_from("fp8"), "precision 'fp8': is not known; use f32, bf16 or int8");
  CHECK_THROWS_AS(precision_from(""), Error);
  CHECK_THROWS_AS(precision_from("F32"), Error);
}
