#pragma once
// The threads of this process, as Linux counts them.
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <thread>
#include <utility>

namespace fulcrum::test {

inline std::size_t threads_of_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

/// Whether there are so many threads soon: one that was ended is counted until the system has cleared it away.
inline bool threads_become(std::size_t count) {
  for (int tries = 0; tries < 2000 && threads_of_process() != count; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return threads_of_process() == count;
}

/// Calls f on a thread of its own, which no test before has run anything on.
template <class F>
void on_new_thread(F&& f) {
  std::thread(std::forward<F>(f)).join();
}

}  // namespace fulcrum::test
