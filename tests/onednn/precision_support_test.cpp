#include <fulcrum/onednn/precision_support.hpp>

#include <fulcrum/core/cpu.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a precision is either supported or there is a sentence that says why not") {
  CHECK(cpu_supports(Precision::f32));
  CHECK(cpu_supports(Precision::int8));
  for (const Precision precision : all_precisions) CHECK(cpu_supports(precision) == why_unsupported(precision).empty());
}

TEST_CASE("oneDNN's word on bf16 and exact int8 sums agrees with the CPU's flags") {
  const std::string isa = current_environment().isa;
  const bool avx512 = isa.find("avx512") != std::string::npos;
  CHECK(cpu_supports(Precision::bf16) == avx512);
  if (avx512) CHECK(cpu_sums_int8_exactly() == (isa.find("vnni") != std::string::npos));
}
