#pragma once
/// \file
/// Which CPUs this process may use, how much of them, and pinning a thread to some of them.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// "200000 100000" (CPU time granted per period, both in µs) → 2.0 CPUs; "max 100000" or anything unreadable → 0: no
/// limit. The format of cpu.max in cgroup v2.
FULCRUM_DECLARE [[nodiscard]] double parse_cgroup_v2_quota(const std::string& cpu_max);

/// The same from the two files of cgroup v1, cpu.cfs_quota_us (−1: no limit) and cpu.cfs_period_us.
[[nodiscard]] inline double parse_cgroup_v1_quota(const std::string& quota_us, const std::string& period_us) {
  return parse_cgroup_v2_quota(quota_us + " " + period_us);
}

/// A directory that may hold a CPU limit of this process.
struct CgroupDirectory {
  std::string path;
  bool v2 = false;

  friend bool operator==(const CgroupDirectory&, const CgroupDirectory&) = default;
};

/// Where this process' CPU limits stand, from the texts of /proc/self/cgroup ("0::/a/b", "1:cpu,cpuacct:/a") and
/// /proc/self/mountinfo: the process' own group and every group above it, each of which may limit it. A group that
/// cannot be seen from inside a container is simply absent from the file system; the mount point itself is always in
/// the list, because that is where a container sees its own group.
FULCRUM_DECLARE [[nodiscard]] std::vector<CgroupDirectory> cgroup_cpu_directories(const std::string& self_cgroup,
                                                                                  const std::string& mountinfo);

/// How many threads make sense: the CPUs the process may run on, capped by the quota.
///
/// A quota is rounded down (with 5 % of grace, at least 1): one thread more than the quota pays for gets the whole
/// process stopped for the rest of each period, which is the worst that can happen to a tail latency.
FULCRUM_DECLARE [[nodiscard]] int usable_cores(int affinity_cpus, double quota);

/// How many threads a process may start on so many cores: 16 to a core, and 64 on any machine. More of them take turns
/// so seldom that nothing they run ever ends.
[[nodiscard]] constexpr std::int64_t most_threads_on(int cores) noexcept {
  return std::max<std::int64_t>(64, std::int64_t{16} * cores);
}

/// \param threads  that are to run at once on this machine
/// \throws Error when they are more than most_threads_on() the cores this process may use
FULCRUM_DECLARE void expect_threads(std::int64_t threads);

/// Ids of the CPUs the calling thread may run on, ascending.
/// \throws Error when the system does not say
FULCRUM_DECLARE [[nodiscard]] std::vector<int> current_affinity();

namespace detail {
/// The calling thread runs on exactly these CPUs from now on; false when the system refuses.
FULCRUM_DECLARE bool set_affinity(std::span<const int> cpus) noexcept;

/// The text of a file; empty when it cannot be read (files of /proc and /sys come and go).
FULCRUM_DECLARE std::optional<std::string> read_system_file(const std::string& path);
}  // namespace detail

/// Keeps the calling thread on some CPUs while it lives, and then puts it back where it was. Threads started by the
/// pinned one (an OpenMP team, say) inherit its CPUs when they start and keep them.
class PinnedThread {
public:
  /// \param cpus  ids of CPUs the process may run on
  /// \throws Error when empty or the system refuses
  FULCRUM_DECLARE explicit PinnedThread(std::span<const int> cpus);
  PinnedThread(const PinnedThread&) = delete;
  PinnedThread& operator=(const PinnedThread&) = delete;
  PinnedThread(PinnedThread&&) = delete;
  PinnedThread& operator=(PinnedThread&&) = delete;
  ~PinnedThread() { static_cast<void>(detail::set_affinity(before_)); }

private:
  std::vector<int> before_;
};

/// CPUs granted to this process by its container: the tightest limit among its control groups; 0: no limit.
FULCRUM_DECLARE [[nodiscard]] double current_cpu_quota();

}  // namespace fulcrum

#if FULCRUM_DEFINES(core)

#include <pthread.h>
#include <sched.h>

#include <cmath>
#include <fstream>
#include <sstream>
#include <string_view>

namespace fulcrum {

FULCRUM_DEFINE double parse_cgroup_v2_quota(const std::string& cpu_max) {
  std::istringstream in(cpu_max);
  double quota = 0.0;
  double period = 0.0;
  return in >> quota >> period && quota > 0.0 && period > 0.0 ? quota / period : 0.0;
}

FULCRUM_DEFINE std::vector<CgroupDirectory> cgroup_cpu_directories(const std::string& self_cgroup,
                                                                   const std::string& mountinfo) {
  const auto lists_cpu = [](std::string_view controllers) {
    while (!controllers.empty()) {
      const std::size_t comma = std::min(controllers.find(','), controllers.size());
      if (controllers.substr(0, comma) == "cpu") return true;
      controllers.remove_prefix(std::min(comma + 1, controllers.size()));
    }
    return false;
  };

  std::optional<std::string> group_v1;
  std::optional<std::string> group_v2;
  std::istringstream groups(self_cgroup);
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) group_v2 = line.substr(second + 1);
    if (lists_cpu(controllers)) group_v1 = line.substr(second + 1);
  }

  std::vector<CgroupDirectory> directories;
  std::istringstream mounts(mountinfo);
  for (std::string line; std::getline(mounts, line);) {
    // "31 23 0:28 /root /mount/point options - type source super,options"
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash));
    std::istringstream after(line.substr(dash + 3));
    std::string id, parent, device, root, mount, type, source, options;
    before >> id >> parent >> device >> root >> mount;
    after >> type >> source >> options;
    const bool v2 = type == "cgroup2";
    if (!v2 && (type != "cgroup" || !lists_cpu(options))) continue;
    const std::optional<std::string>& group = v2 ? group_v2 : group_v1;
    if (!group) continue;
    std::string below = *group;
    if (root != "/" && below.rfind(root, 0) == 0) below.erase(0, root.size());
    while (!below.empty() && below != "/") {
      directories.push_back({mount + below, v2});
      below.erase(below.rfind('/') == std::string::npos ? 0 : below.rfind('/'));
    }
    directories.push_back({mount, v2});
  }
  return directories;
}

FULCRUM_DEFINE int usable_cores(int affinity_cpus, double quota) {
  const int allowed = std::max(affinity_cpus, 1);
  if (quota <= 0.0) return allowed;
  return std::clamp(static_cast<int>(std::floor(std::min(quota, 1e6) + 0.05)), 1, allowed);
}

FULCRUM_DEFINE std::vector<int> current_affinity() {
  // The kernel's mask may be wider than cpu_set_t (1024 CPUs): ask with growing masks.
  for (std::size_t words = 16; words <= 4096; words *= 2) {
    std::vector<unsigned long> mask(words, 0);
    auto* set = reinterpret_cast<cpu_set_t*>(mask.data());  // CPU_ISSET_S works on such an array
    if (sched_getaffinity(0, words * sizeof(unsigned long), set) != 0) continue;
    std::vector<int> cpus;
    for (std::size_t word = 0; word < words; ++word) {
      for (std::size_t bit = 0; bit < 64; ++bit) {
        if ((mask[word] >> bit & 1UL) != 0) cpus.push_back(static_cast<int>(word * 64 + bit));
      }
    }
    return cpus;
  }
  throw Error("CPU affinity", "cannot be read from the system");
}

}  // namespace fulcrum

namespace fulcrum::detail {

FULCRUM_DEFINE bool set_affinity(std::span<const int> cpus) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= CPU_SETSIZE) return false;
    CPU_SET(static_cast<std::size_t>(cpu), &set);
  }
  return !cpus.empty() && sched_setaffinity(0, sizeof set, &set) == 0;
}

FULCRUM_DEFINE std::optional<std::string> read_system_file(const std::string& path) {
  std::ifstream in(path);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return in.bad() ? std::nullopt : std::optional(text.str());
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE PinnedThread::PinnedThread(std::span<const int> cpus) : before_(current_affinity()) {
  if (!detail::set_affinity(cpus)) {
    std::string list;
    for (const int cpu : cpus) list += (list.empty() ? "" : ", ") + std::to_string(cpu);
    throw Error("CPUs {" + list + "}", "cannot be used by this process", "choose among those of its affinity mask");
  }
}

FULCRUM_DEFINE double current_cpu_quota() {
  double quota = 0.0;
  const auto tighten = [&](double limit) {
    if (limit > 0.0) quota = quota > 0.0 ? std::min(quota, limit) : limit;
  };
  const auto text = [](const std::string& path) { return detail::read_system_file(path).value_or(""); };
  for (const CgroupDirectory& at : cgroup_cpu_directories(text("/proc/self/cgroup"), text("/proc/self/mountinfo"))) {
    if (at.v2)
      tighten(parse_cgroup_v2_quota(text(at.path + "/cpu.max")));
    else
      tighten(parse_cgroup_v1_quota(text(at.path + "/cpu.cfs_quota_us"), text(at.path + "/cpu.cfs_period_us")));
  }
  return quota;
}

FULCRUM_DEFINE void expect_threads(std::int64_t threads) {
  const int cores = usable_cores(static_cast<int>(current_affinity().size()), current_cpu_quota());
  if (const std::int64_t most = most_threads_on(cores); threads > most) {
    throw Error(std::to_string(threads) + " threads",
                "are more than " + std::to_string(cores) + " usable core(s) can take turns with",
                "give at most " + std::to_string(most) + ", best one for each core");
  }
}

}  // namespace fulcrum

#endif
