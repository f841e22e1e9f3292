#include <fulcrum/schedule/machine.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("an instruction set is a whole word") {
  const Machine machine{.isa = "avx512 vnni amx_int8"};
  CHECK(machine.has("avx512"));
  CHECK(machine.has("vnni"));
  CHECK(machine.has("amx_int8"));
  CHECK_FALSE(machine.has("avx"));
  CHECK_FALSE(machine.has("int8"));
  CHECK_FALSE(Machine{}.has("avx2"));
}

TEST_CASE("bf16 needs AVX-512 where the machine is known") {
  CHECK(why_unsupported(Precision::bf16, {.isa = "avx512 vnni"}).empty());
  CHECK_THAT(why_unsupported(Precision::bf16, {.isa = "avx2"}), ContainsSubstring("AVX-512"));
  CHECK(why_unsupported(Precision::bf16, {}).empty());
  for (const Precision precision : {Precision::f32, Precision::int8})
    CHECK(why_unsupported(precision, {.isa = "avx2"}).empty());
}
