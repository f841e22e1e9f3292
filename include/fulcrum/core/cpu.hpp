#pragma once
/// \file
/// The CPU: its name, the instruction sets that matter to neural networks, and its caches.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include <fulcrum/core/cpu_limits.hpp>
#include <fulcrum/core/environment.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// What /proc/cpuinfo says of the first CPU.
struct CpuInfo {
  std::string model;                      ///< "Intel(R) Xeon(R) Platinum 8481C"; "unknown CPU" when it is not told
  std::unordered_set<std::string> flags;  ///< "avx2", "avx512f", "amx_int8", …

  [[nodiscard]] bool has(const std::string& flag) const { return flags.count(flag) != 0; }
};

/// Reads the text of /proc/cpuinfo (x86 "model name" and "flags"; ARM "Features").
FULCRUM_DECLARE [[nodiscard]] CpuInfo parse_cpuinfo(const std::string& text);

/// The widest instruction sets that decide which kernels run, as one word each: "avx512 vnni bf16 fp16 amx_int8
/// amx_bf16", "avx2 vnni", "sse4.1". AVX-512 here means what oneDNN's avx512_core asks for (F, BW, VL, DQ).
FULCRUM_DECLARE [[nodiscard]] std::string isa_summary(const CpuInfo& cpu);

/// Capacity of each cache as one core sees it [B]; 0: unknown or absent.
struct CacheSizes {
  std::int64_t l1d = 0;
  std::int64_t l2 = 0;
  std::int64_t l3 = 0;

  friend bool operator==(const CacheSizes&, const CacheSizes&) = default;
};

/// "48K" → 49152, "2M", "512" → 512; anything else → 0. The format of /sys/devices/system/cpu/cpu*/cache/index*/size.
FULCRUM_DECLARE [[nodiscard]] std::int64_t parse_cache_size(std::string_view text);

/// Caches of a CPU from the system's description. A virtual machine may report the host's whole last-level cache, of
/// which a guest of few cores gets only a share: an L3 is believed up to 32 MiB per core of the guest.
FULCRUM_DECLARE [[nodiscard]] CacheSizes believable_caches(CacheSizes reported, int cores);

/// Caches of CPU 0, as /sys reports them.
FULCRUM_DECLARE [[nodiscard]] CacheSizes current_caches();

/// This machine and the limits on this process. Versions of libraries are added by those who use them.
FULCRUM_DECLARE [[nodiscard]] Environment current_environment();

}  // namespace fulcrum

#if FULCRUM_DEFINES(core)

#include <cstddef>
#include <sstream>

namespace fulcrum {

FULCRUM_DEFINE CpuInfo parse_cpuinfo(const std::string& text) {
  CpuInfo info;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) {
      if (line.empty() && !info.flags.empty()) break;  // the first CPU's block has ended
      continue;
    }
    std::string key = line.substr(0, colon);
    key.erase(key.find_last_not_of(" \t") + 1);
    std::istringstream words(line.substr(colon + 1));
    if (key == "model name") {
      for (std::string word; words >> word;) info.model += (info.model.empty() ? "" : " ") + word;
    } else if (key == "flags" || key == "Features") {
      for (std::string word; words >> word;) info.flags.insert(word);
    }
  }
  if (info.model.empty()) info.model = "unknown CPU";
  return info;
}

FULCRUM_DEFINE std::string isa_summary(const CpuInfo& cpu) {
  std::string isa;
  const auto add = [&](const char* word, bool present) {
    if (present) isa.append(isa.empty() ? "" : " ").append(word);
  };
  const bool avx512 = cpu.has("avx512f") && cpu.has("avx512bw") && cpu.has("avx512vl") && cpu.has("avx512dq");
  add("avx512", avx512);
  add("avx2", !avx512 && cpu.has("avx2"));
  add("avx", !avx512 && !cpu.has("avx2") && cpu.has("avx"));
  add("sse4.1", !cpu.has("avx") && cpu.has("sse4_1"));
  add("asimd", cpu.has("asimd"));
  add("sve", cpu.has("sve"));
  add("vnni", avx512 ? cpu.has("avx512_vnni") : cpu.has("avx_vnni"));
  add("bf16", (avx512 && cpu.has("avx512_bf16")) || cpu.has("bf16"));
  add("fp16", avx512 && cpu.has("avx512_fp16"));
  add("amx_int8", cpu.has("amx_tile") && cpu.has("amx_int8"));
  add("amx_bf16", cpu.has("amx_tile") && cpu.has("amx_bf16"));
  return isa.empty() ? "baseline" : isa;
}

FULCRUM_DEFINE std::int64_t parse_cache_size(std::string_view text) {
  std::int64_t value = 0;
  std::size_t at = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9' && value < (std::int64_t{1} << 40))
    value = value * 10 + (text[at++] - '0');
  if (at == 0) return 0;
  if (at < text.size() && text[at] == 'K') return value << 10;
  if (at < text.size() && text[at] == 'M') return value << 20;
  return at == text.size() || text[at] == '\n' ? value : 0;
}

FULCRUM_DEFINE CacheSizes believable_caches(CacheSizes reported, int cores) {
  const std::int64_t limit = std::int64_t{std::max(cores, 1)} * (std::int64_t{32} << 20);
  reported.l3 = std::min(reported.l3, limit);
  return reported;
}

FULCRUM_DEFINE CacheSizes current_caches() {
  CacheSizes caches;
  for (int index = 0; index < 8; ++index) {
    const std::string at = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const auto level = detail::read_system_file(at + "level");
    const auto type = detail::read_system_file(at + "type");
    const auto size = detail::read_system_file(at + "size");
    if (!level || !type || !size || type->rfind("Instruction", 0) == 0) continue;
    const std::int64_t bytes = parse_cache_size(*size);
    if (level->rfind('1', 0) == 0) caches.l1d = bytes;
    if (level->rfind('2', 0) == 0) caches.l2 = bytes;
    if (level->rfind('3', 0) == 0) caches.l3 = bytes;
  }
  return caches;
}

FULCRUM_DEFINE Environment current_environment() {
  const CpuInfo cpu = parse_cpuinfo(detail::read_system_file("/proc/cpuinfo").value_or(""));
  Environment environment;
  environment.cpu = cpu.model;
  environment.isa = isa_summary(cpu);
  environment.affinity = current_affinity();
  environment.cpu_quota = current_cpu_quota();
  environment.cores = usable_cores(static_cast<int>(environment.affinity.size()), environment.cpu_quota);
  return environment;
}

}  // namespace fulcrum

#endif
