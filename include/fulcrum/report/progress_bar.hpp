#pragma once
/// \file
/// A progress bar with the time left, for terminals.

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include <unistd.h>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/progress.hpp>
#include <fulcrum/core/units.hpp>
#include <fulcrum/report/table.hpp>

namespace fulcrum {

/// "7 s", "3 min 05 s", "2 h 10 min"
FULCRUM_DECLARE [[nodiscard]] std::string format_duration(Seconds duration);

/// One line: "███████░░░░░ 58 %  epoch 5/8  loss 0.213  1 min 02 s left". What does not fit the width is cut, words
/// before figures.
/// \param left   time left; absent when there is no telling yet
/// \param width  columns of the terminal
FULCRUM_DECLARE [[nodiscard]] std::string progress_line(const Progress& progress, std::optional<Seconds> left,
                                                        std::size_t width);

/// Draws Progress on standard error while somebody works. Says nothing when standard error is not a terminal, redraws
/// ten times a second at most, and leaves the terminal's line empty when it goes out of scope, exceptions included.
///
///     ProgressBar bar;
///     train(model, data, options, bar.sink());
///
/// One thread at a time may report to it.
class ProgressBar {
public:
  /// \param descriptor  file descriptor to draw on, if it is a terminal
  explicit ProgressBar(int descriptor = STDERR_FILENO)
      : descriptor_(descriptor), terminal_(can_draw(descriptor)), started_(Clock::now()) {}
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { clear(); }

  /// Takes one sign of life.
  FULCRUM_DECLARE void show(const Progress& progress);

  /// Empties the line, so that a message can be printed there.
  FULCRUM_DECLARE void clear() noexcept;

  /// What long-running functions report to; must not outlive the bar.
  [[nodiscard]] ProgressSink sink() {
    return [this](const Progress& progress) { show(progress); };
  }

private:
  using Clock = std::chrono::steady_clock;

  static bool can_draw(int descriptor) noexcept {
    const char* terminal = std::getenv("TERM");
    return isatty(descriptor) != 0 && (terminal == nullptr || std::string_view(terminal) != "dumb");
  }
  FULCRUM_DECLARE [[nodiscard]] std::size_t width() const noexcept;
  void write_out(const std::string& text) const noexcept {
    static_cast<void>(!::write(descriptor_, text.data(), text.size()));  // a lost line of a bar is no error
  }

  int descriptor_;
  bool terminal_;
  bool drawn_ = false;
  double fraction_ = 0.0;
  Clock::time_point started_;
  Clock::time_point drawn_at_{};
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(report)

#include <sys/ioctl.h>

#include <algorithm>
#include <array>

namespace fulcrum {

FULCRUM_DEFINE std::string format_duration(Seconds duration) {
  const auto seconds = static_cast<long long>(std::max(0.0, duration.count()) + 0.5);
  std::array<char, 48> text{};
  if (seconds < 60)
    std::snprintf(text.data(), text.size(), "%lld s", seconds);
  else if (seconds < 3600)
    std::snprintf(text.data(), text.size(), "%lld min %02lld s", seconds / 60, seconds % 60);
  else
    std::snprintf(text.data(), text.size(), "%lld h %02lld min", seconds / 3600, seconds / 60 % 60);
  return text.data();
}

FULCRUM_DEFINE std::string progress_line(const Progress& progress, std::optional<Seconds> left, std::size_t width) {
  const double fraction = progress.fraction > 0.0 ? std::min(progress.fraction, 1.0) : 0.0;  // NaN counts as 0
  const std::size_t cells = std::clamp<std::size_t>(width / 4, 4, 30);
  const auto eighths = static_cast<std::size_t>(fraction * static_cast<double>(cells * 8));
  constexpr std::array partial{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string line;
  for (std::size_t i = 0; i < eighths / 8; ++i) line += "█";
  line += partial[eighths % 8];
  for (std::size_t i = (eighths + 7) / 8; i < cells; ++i) line += "·";
  line += " " + std::to_string(static_cast<int>(fraction * 100.0)) + " %";

  const std::string tail = left && fraction < 1.0 ? "  " + format_duration(*left) + " left" : "";
  const std::size_t used = display_width(line) + tail.size();
  std::string middle;
  if (!progress.stage.empty()) middle += "  " + printable(progress.stage);
  if (!progress.detail.empty()) middle += "  " + printable(progress.detail);
  std::size_t room = width > used ? width - used : 0;
  for (std::size_t at = 0; at < middle.size();) {
    const CodePoint c = decode_utf8(middle, at);
    const std::size_t columns = detail::code_point_width(c.value);
    if (columns > room) break;
    line.append(middle, at, c.bytes);
    room -= columns;
    at += c.bytes;
  }
  return used <= width ? line + tail : line;
}

FULCRUM_DEFINE void ProgressBar::show(const Progress& progress) {
  if (!terminal_) return;
  const auto now = Clock::now();
  if (progress.fraction < fraction_) started_ = now;  // another job began
  fraction_ = progress.fraction;
  if (drawn_ && now - drawn_at_ < std::chrono::milliseconds(100)) return;
  drawn_at_ = now;
  std::optional<Seconds> left;
  const Seconds elapsed = now - started_;
  if (fraction_ > 0.0 && elapsed > std::chrono::seconds(1)) left = elapsed * (1.0 / fraction_ - 1.0);
  write_out("\r\x1b[K" + progress_line(progress, left, width() - 1));
  drawn_ = true;
}

FULCRUM_DEFINE void ProgressBar::clear() noexcept {
  if (!drawn_) return;
  constexpr std::string_view erase = "\r\x1b[K";
  static_cast<void>(!::write(descriptor_, erase.data(), erase.size()));
  drawn_ = false;
}

FULCRUM_DEFINE std::size_t ProgressBar::width() const noexcept {
  winsize size{};
  const bool known = ioctl(descriptor_, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
  return known ? size.ws_col : 80;
}

}  // namespace fulcrum

#endif
