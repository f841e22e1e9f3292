#include <fulcrum/core/cpu.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
constexpr const char* sapphire_rapids =
    "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R)   Platinum 8481C CPU @ 2.70GHz\n"
    "flags\t\t: fpu sse4_1 avx avx2 avx512f avx512dq avx512bw avx512vl avx_vnni avx512_bf16 avx512_vnni avx512_fp16 "
    "amx_bf16 amx_tile amx_int8\nbugs\t\t: spectre_v1\n\n"
    "processor\t: 1\nmodel name\t: another\nflags\t\t: sse2\n";
}  // namespace

TEST_CASE("cpuinfo tells the name and the flags of the first CPU") {
  const CpuInfo cpu = parse_cpuinfo(sapphire_rapids);
  CHECK(cpu.model == "Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz");
  CHECK(cpu.has("amx_int8"));
  CHECK_FALSE(cpu.has("sse2"));
}

TEST_CASE("the instruction sets that matter are named from the widest on") {
  CHECK(isa_summary(parse_cpuinfo(sapphire_rapids)) == "avx512 vnni bf16 fp16 amx_int8 amx_bf16");
  CHECK(isa_summary(parse_cpuinfo("flags : sse4_1 avx avx2 avx_vnni\n")) == "avx2 vnni");
  CHECK(isa_summary(parse_cpuinfo("flags : sse4_1 avx avx2 avx512f\n")) == "avx2");
  CHECK(isa_summary(parse_cpuinfo("flags : sse2 sse4_1\n")) == "sse4.1");
  CHECK(isa_summary(parse_cpuinfo("Features : fp asimd sve bf16\n")) == "asimd sve bf16");
}

TEST_CASE("a CPU that tells nothing has a name all the same") {
  const CpuInfo cpu = parse_cpuinfo("");
  CHECK(cpu.model == "unknown CPU");
  CHECK(isa_summary(cpu) == "baseline");
}

TEST_CASE("cache sizes come with K or M") {
  CHECK(parse_cache_size("48K\n") == 49152);
  CHECK(parse_cache_size("2M") == 2097152);
  CHECK(parse_cache_size("512\n") == 512);
  CHECK(parse_cache_size("") == 0);
  CHECK(parse_cache_size("K") == 0);
  CHECK(parse_cache_size("12 apples") == 0);
}

TEST_CASE("a guest of two cores is not believed to own half a gigabyte of cache") {
  const CacheSizes reported{49152, 2097152, 503316480};
  CHECK(believable_caches(reported, 2) == CacheSizes{49152, 2097152, 64 << 20});
  CHECK(believable_caches({32768, 262144, 8 << 20}, 4).l3 == 8 << 20);
}

TEST_CASE("the current environment holds what a profile is matched by") {
  const Environment environment = current_environment();
  CHECK_FALSE(environment.cpu.empty());
  CHECK_FALSE(environment.isa.empty());
  CHECK(environment.cores >= 1);
  CHECK(environment.cores <= static_cast<int>(environment.affinity.size()));
  CHECK(current_environment() == environment);
}
