#include <fulcrum/report/progress_bar.hpp>

#include <cstdlib>
#include <limits>
#include <stdexcept>

#include <fcntl.h>
#include <sys/ioctl.h>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
/// A terminal that is not there: the bar draws on `slave`, the test reads `master`.
struct PseudoTerminal {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  int slave = -1;

  explicit PseudoTerminal(unsigned short columns) {
    REQUIRE(master >= 0);
    REQUIRE(grantpt(master) == 0);
    REQUIRE(unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    REQUIRE(slave >= 0);
    winsize size{};
    size.ws_col = columns;
    size.ws_row = 24;
    REQUIRE(ioctl(slave, TIOCSWINSZ, &size) == 0);
  }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;
  ~PseudoTerminal() {
    close(slave);
    close(master);
  }

  std::string read_all() const {
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; (n = read(master, buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(n));
    return text;
  }
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}
}  // namespace

TEST_CASE("a progress line shows share, stage, detail and the time left") {
  const std::string line = progress_line({0.5, "epoch 4/8", "loss 0.213"}, Seconds(62.0), 100);
  CHECK_THAT(line, ContainsSubstring(" 50 %  epoch 4/8  loss 0.213  1 min 02 s left"));
  CHECK(count(line, "█") == 12);  // 25 cells
  CHECK_THAT(progress_line({1.0, "done", ""}, Seconds(0.0), 80), ContainsSubstring("100 %"));
}

TEST_CASE("a progress line fits every width and shows shares out of range as 0 or 100 %") {
  for (std::size_t width = 20; width < 160; ++width) {
    CHECK(display_width(progress_line({0.37, "a long stage of µ", "figures"}, Seconds(4000.0), width)) <= width);
  }
  CHECK_THAT(progress_line({-1.0, "", ""}, std::nullopt, 40), ContainsSubstring(" 0 %"));
  CHECK_THAT(progress_line({std::numeric_limits<double>::quiet_NaN(), "", ""}, std::nullopt, 40),
             ContainsSubstring(" 0 %"));
  CHECK_THAT(progress_line({7.0, "", ""}, std::nullopt, 40), ContainsSubstring(" 100 %"));
}

TEST_CASE("durations print in the two units that matter") {
  CHECK(format_duration(Seconds(7.4)) == "7 s");
  CHECK(format_duration(Seconds(185.0)) == "3 min 05 s");
  CHECK(format_duration(Seconds(7800.0)) == "2 h 10 min");
  CHECK(format_duration(Seconds(-3.0)) == "0 s");
}

TEST_CASE("a bar draws on a terminal and leaves its line empty, after an exception too") {
  setenv("TERM", "xterm", 1);
  const PseudoTerminal terminal(60);
  try {
    ProgressBar bar(terminal.slave);
    bar.sink()({0.25, "working", ""});
    throw std::runtime_error("the work failed");
  } catch (const std::runtime_error&) {
  }
  const std::string drawn = terminal.read_all();
  CHECK_THAT(drawn, ContainsSubstring("25 %  working"));
  CHECK(drawn.substr(drawn.size() - 4) == "\r\x1b[K");
}

TEST_CASE("a bar redraws no more than ten times a second") {
  setenv("TERM", "xterm", 1);
  const PseudoTerminal terminal(60);
  const auto started = std::chrono::steady_clock::now();
  {
    ProgressBar bar(terminal.slave);
    for (int i = 0; i < 1000; ++i) bar.show({i / 1000.0, "working", ""});
  }
  const Seconds spent = std::chrono::steady_clock::now() - started;
  CHECK(static_cast<double>(count(terminal.read_all(), "working")) <= 1.0 + 10.0 * spent.count());
}

TEST_CASE("a bar is silent where there is no terminal") {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  {
    ProgressBar bar(ends[1]);
    bar.show({0.5, "working", ""});
  }
  close(ends[1]);
  char byte = 0;
  CHECK(read(ends[0], &byte, 1) == 0);
  close(ends[0]);
}
