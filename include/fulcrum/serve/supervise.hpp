#pragma once
/// \file
/// Processes that serve beside one another, so that one which crashes takes no other with it.

#include <chrono>
#include <functional>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// What becomes of workers, for whoever wants to log it.
struct WorkerEnd {
  int worker = 0;      ///< 0 … workers − 1
  int process = 0;     ///< its id
  int exit_code = 0;   ///< −1: it was ended by a signal
  int signal = 0;      ///< 0: none
  bool again = false;  ///< another takes its place
};

/// Runs workers, each a process of its own, until SIGTERM or SIGINT come, which are handed on; whoever crashes is
/// started again, at once and then after a pause that doubles up to half a minute. To be called before the process has
/// threads of its own, by which a copy would be left with half of what they did.
/// \param work   is run in each worker, which ends with what it returns; SIGTERM and SIGINT are blocked in it, to be
///               taken by sigwait()
/// \param ended  may be empty
/// \return 0 when all workers ended well after the signal, else 1
FULCRUM_DECLARE [[nodiscard]] int supervise(int workers, const std::function<int(int worker)>& work,
                                            const std::function<void(const WorkerEnd&)>& ended = {});

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fulcrum/core/error.hpp>

namespace fulcrum::detail {

struct Worker {
  pid_t process = 0;  // 0: none
  std::chrono::steady_clock::time_point started{}, start_at{};
  std::chrono::milliseconds pause{0};
};

inline pid_t start_worker(int worker, const std::function<int(int)>& work) {
  const pid_t supervisor = ::getpid();
  const pid_t process = ::fork();
  if (process < 0) throw Error("a worker", "could not be started", "check the limit of processes");
  if (process > 0) return process;
  // A supervisor that was killed is to leave nobody behind.
  static_cast<void>(::prctl(PR_SET_PDEATHSIG, SIGTERM));
  if (::getppid() != supervisor) std::_Exit(1);
  int code = 1;
  try {
    code = work(worker);
  } catch (const std::exception&) {
  }
  std::_Exit(code);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE int supervise(int workers, const std::function<int(int)>& work,
                             const std::function<void(const WorkerEnd&)>& ended) {
  using Clock = std::chrono::steady_clock;
  if (workers < 1 || workers > 1024) throw Error("workers", "are out of range", "give a number from 1 to 1,024");
  sigset_t signals, before;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) sigaddset(&signals, signal);
  static_cast<void>(::sigprocmask(SIG_BLOCK, &signals, &before));
  std::vector<detail::Worker> list(static_cast<std::size_t>(workers));
  bool ending = false, all_well = true;
  const auto running = [&] {
    return std::any_of(list.begin(), list.end(), [](const auto& w) { return w.process > 0; });
  };
  while (!ending || running()) {
    for (std::size_t i = 0; i < list.size() && !ending; ++i) {
      if (list[i].process > 0 || Clock::now() < list[i].start_at) continue;
      list[i].process = detail::start_worker(static_cast<int>(i), work);
      list[i].started = Clock::now();
    }
    const timespec wait{0, 50'000'000};
    const int signal = ::sigtimedwait(&signals, nullptr, &wait);
    if (signal == SIGTERM || signal == SIGINT) {
      ending = true;
      for (const detail::Worker& worker : list) {
        if (worker.process > 0) ::kill(worker.process, SIGTERM);
      }
    }
    int status = 0;
    for (pid_t process = 0; (process = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto worker = std::find_if(list.begin(), list.end(), [&](const auto& w) { return w.process == process; });
      if (worker == list.end()) continue;
      WorkerEnd end{static_cast<int>(worker - list.begin()), process};
      end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      end.again = !ending;
      if (ending && end.exit_code != 0) all_well = false;
      const bool lasted = Clock::now() - worker->started > std::chrono::seconds(30);
      worker->start_at = Clock::now() + (lasted ? std::chrono::milliseconds(0) : worker->pause);
      worker->pause =
          lasted ? std::chrono::milliseconds(0)
                 : std::clamp(2 * worker->pause, std::chrono::milliseconds(100), std::chrono::milliseconds(30'000));
      worker->process = 0;
      if (ended) ended(end);
    }
  }
  static_cast<void>(::sigprocmask(SIG_SETMASK, &before, nullptr));
  return all_well ? 0 : 1;
}

}  // namespace fulcrum

#endif
