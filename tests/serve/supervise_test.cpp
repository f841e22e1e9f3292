#include <fulcrum/serve/supervise.hpp>

#include <csignal>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include <fulcrum/core/file.hpp>

#include <support/catch.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;

TEST_CASE("a worker that crashes is started again, and all end by a signal") {
  const test::TemporaryFolder folder;
  std::vector<WorkerEnd> ends;
  const auto work = [&](int worker) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    const std::string mark = folder.path("crashed" + std::to_string(worker));
    if (worker == 1 && ::access(mark.c_str(), F_OK) != 0) {
      write_file_atomically(mark, "");
      ::raise(SIGKILL);
    }
    if (worker == 1) ::kill(::getppid(), SIGTERM);  // started again: enough is seen
    int signal = 0;
    static_cast<void>(sigwait(&signals, &signal));
    return 0;
  };
  CHECK(supervise(2, work, [&](const WorkerEnd& end) { ends.push_back(end); }) == 0);
  REQUIRE(ends.size() == 3);
  CHECK(ends[0].worker == 1);
  CHECK(ends[0].signal == SIGKILL);
  CHECK(ends[0].again);
  CHECK(ends[1].exit_code == 0);
  CHECK(ends[2].exit_code == 0);
  CHECK_THROWS(supervise(0, work));
}
