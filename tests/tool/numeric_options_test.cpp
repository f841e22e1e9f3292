// Every option of every command that takes numbers refuses what is none of its numbers, before anything is loaded.

#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <support/catch.hpp>
#include "refusal.hpp"

using namespace fulcrum;
using test::check_refused;
using test::Finished;
using test::run_tool;

namespace {

enum Allows { nothing = 0, zero = 1, below_zero = 2 };

/// An option that takes numbers, in a command that is complete but for it. None of these commands may come to run.
struct NumericOption {
  const char* command;
  const char* option;
  int allows = nothing;
};

constexpr const char* compressing = "compress none.onnx -o y.onnx --prune-channels latency-ms=1";
constexpr const char* quantizing = "compress none.onnx -o y.onnx --quantize int8 --data none --calibrate percentile";
constexpr const char* packing = "compress none.onnx -o y.onnx --quantize weights";
constexpr const char* targeting = "compress none.onnx -o y.onnx --data none --target-latency-ms 1";
constexpr const char* loading = "load none.onnx --rate 10";
constexpr const char* planning = "plan none.onnx --rate 10 --slo-p99-ms 1";
constexpr const char* serving = "serve --models none";
constexpr const char* studying = "tradeoff none.onnx --data none";

constexpr NumericOption numeric_options[] = {
    {"info none.onnx", "--batch"},
    {"calibrate -o none.json", "--seconds"},
    {"calibrate -o none.json --for none.onnx", "--batches"},
    {"explain none.onnx", "--batch"},
    {"explain none.onnx", "--threads"},
    {"explain none.onnx", "--slice", zero},
    {"predict none.onnx --profile none.json", "--batch"},
    {"predict none.onnx --profile none.json", "--threads"},
    {"predict none.onnx --profile none.json", "--instances"},
    {"predict none.onnx --profile none.json", "--slice", zero},
    {"advise none.onnx --profile none.json", "--batch"},
    {"advise none.onnx --profile none.json", "--threads"},
    {"advise none.onnx --profile none.json", "--instances"},
    {"advise none.onnx --profile none.json", "--slice", zero},
    {"advise none.onnx --profile none.json", "--channels"},
    {"advise none.onnx --profile none.json", "--rank"},
    {"advise none.onnx --profile none.json", "--sparsity"},
    {"measure none.onnx", "--batch"},
    {"measure none.onnx", "--threads"},
    {"measure none.onnx", "--instances"},
    {"measure none.onnx", "--slice", zero},
    {"measure none.onnx", "--seconds"},
    {"measure none.onnx", "--slo-p99-ms"},
    {"measure none.onnx --baseline none.json", "--fail-above", zero},
    {"measure none.onnx --against none.onnx", "--rounds"},
    {"measure none.onnx --json", "--timings"},
    {"compare none.json none.json", "--fail-above", zero},
    {"load none.onnx", "--rate"},
    {loading, "--threads"},
    {loading, "--instances"},
    {loading, "--slice", zero},
    {"load none.onnx --rate 10 --arrivals gamma", "--variation"},
    {"load none.onnx --rate 10 --arrivals bursts", "--burst-factor"},
    {"load none.onnx --rate 10 --arrivals bursts", "--burst-share"},
    {"load none.onnx --rate 10 --arrivals bursts", "--burst-length"},
    {"load none.onnx --scenario offline", "--samples"},
    {loading, "--duration"},
    {"load none.onnx --rate 10 --duration 100ms", "--warm-up", zero},
    {loading, "--max-requests"},
    {loading, "--slo-p99-ms"},
    {"load none.onnx --rate 10 --slo-p99-ms 1", "--percentile"},
    {"load none.onnx --rate 10 --slo-p99-ms 1", "--confidence"},
    {loading, "--max-batch"},
    {"load none.onnx --rate 10 --max-batch 8", "--max-delay-ms", zero},
    {"load none.onnx --rate 10 --max-batch 8", "--preferred-batches"},
    {loading, "--queue"},
    {loading, "--timeout-ms", zero},
    {"load http://127.0.0.1:1/v2/models/m --rate 10", "--connections"},
    {loading, "--seed", zero},
    {"plan none.onnx --slo-p99-ms 1", "--rate"},
    {"plan none.onnx --rate 10", "--slo-p99-ms"},
    {"plan none.onnx --rate 10 --slo-p99-ms 1 --arrivals gamma", "--variation"},
    {"plan none.onnx --rate 10 --slo-p99-ms 1 --arrivals bursts", "--burst-factor"},
    {"plan none.onnx --rate 10 --slo-p99-ms 1 --arrivals bursts", "--burst-share"},
    {"plan none.onnx --rate 10 --slo-p99-ms 1 --arrivals bursts", "--burst-length"},
    {planning, "--percentile"},
    {planning, "--confidence"},
    {"plan none.onnx --rate 10 --slo-p99-ms 1 --data none", "--max-accuracy-drop", zero},
    {planning, "--cores"},
    {planning, "--headroom", zero},
    {planning, "--sparsities", zero},
    {planning, "--batches"},
    {planning, "--time-limit"},
    {planning, "--seed", zero},
    {"run none.onnx --input none.npy --output y.npy", "--threads"},
    {"samples --data none -o y.npy", "--first", zero},
    {"samples --data none -o y.npy", "--count"},
    {serving, "--port", zero},
    {serving, "--io-threads"},
    {serving, "--short-run-us", zero},
    {serving, "--workers"},
    {serving, "--max-body"},
    {serving, "--max-header"},
    {serving, "--max-connections"},
    {serving, "--idle-timeout"},
    {serving, "--transfer-timeout"},
    {serving, "--hang-after-ms"},
    {serving, "--drain-delay", zero},
    {serving, "--drain-timeout", zero},
    {serving, "--trace", zero},
    {"train none.onnx --data none -o y.onnx", "--epochs"},
    {"train none.onnx --data none -o y.onnx", "--batch"},
    {"train none.onnx --data none -o y.onnx", "--learning-rate"},
    {"train none.onnx --data none -o y.onnx", "--seed", zero},
    {"train none.onnx --data none -o y.onnx", "--threads"},
    {"evaluate none.onnx --data none", "--batch"},
    {"evaluate none.onnx --data none", "--threads"},
    {compressing, "--batch"},
    {compressing, "--threads"},
    {compressing, "--slice", zero},
    {compressing, "--channel-multiple"},
    {quantizing, "--samples"},
    {quantizing, "--percentile"},
    {quantizing, "--weight-bits"},
    {quantizing, "--value-bits"},
    {quantizing, "--min-sqnr-db", zero | below_zero},
    {packing, "--group"},
    {"compress none.onnx -o y.onnx --data none", "--target-latency-ms"},
    {targeting, "--max-accuracy-drop", zero},
    {targeting, "--fine-tune-epochs"},
    {targeting, "--seed", zero},
    {"sensitivity none.onnx --data none", "--samples"},
    {"sensitivity none.onnx --data none", "--sparsity"},
    {"sensitivity none.onnx --data none", "--bits"},
    {"sensitivity none.onnx --data none", "--threads"},
    {studying, "--slo-p99-ms"},
    {studying, "--max-accuracy-drop", zero},
    {studying, "--sparsities", zero},
    {studying, "--weight-bits"},
    {studying, "--batches"},
    {studying, "--threads"},
    {studying, "--instances"},
    {studying, "--rounds"},
    {studying, "--seconds-per-round"},
    {studying, "--measure-at-most"},
    {studying, "--seed", zero},
    {"validate none.onnx --profile none.json", "--batches"},
    {"validate none.onnx --profile none.json", "--rounds"},
    {"validate none.onnx --profile none.json", "--seconds"},
    {"validate none.onnx --profile none.json", "--seed", zero},
};

std::string first_word(const std::string& text) { return text.substr(0, text.find(' ')); }

/// The first words of the lines of a help that stand behind two spaces and no more.
std::vector<std::string> entries(const std::string& help) {
  std::vector<std::string> found;
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > 2 && line.starts_with("  ") && line[2] != ' ') found.push_back(line.substr(2));
  }
  return found;
}

}  // namespace

TEST_CASE("every option that takes numbers refuses what is none of its numbers") {
  const test::TemporaryFolder folder;
  for (const NumericOption& option : numeric_options) {
    const auto check = [&](const std::string& value) {
      check_refused(folder, std::string(option.command) + " " + option.option + "=" + value, option.option);
    };
    for (const char* value : {"nan", "-inf", "text", "1x", "0x10", "1e400", "\"''\""}) check(value);
    if ((option.allows & below_zero) == 0) check("-1");
    check_refused(folder, std::string(option.command) + " " + option.option + " ''", option.option);
    check_refused(folder, std::string(option.command) + " " + option.option, option.option);
    if ((option.allows & zero) == 0) check("0");
    check("1e300");
    check("99999999999999999999");
  }
}

TEST_CASE("what the table of numeric options lacks is found by the help of each command") {
  const test::TemporaryFolder folder;
  std::set<std::pair<std::string, std::string>> known;
  for (const NumericOption& option : numeric_options) known.emplace(first_word(option.command), option.option);
  std::size_t found = 0;
  for (const std::string& entry : entries(run_tool(folder, "--help").output)) {
    const std::string command = first_word(entry);
    if (command.starts_with("-") || command == "fulcrum") continue;
    for (const std::string& line : entries(run_tool(folder, command + " --help").output)) {
      if (!line.starts_with("--")) continue;
      const std::string names = first_word(line);
      const std::string type = line.size() > names.size() ? line.substr(names.size() + 1) : std::string();
      if (!type.starts_with("INT") && !type.starts_with("UINT") && !type.starts_with("FLOAT")) continue;
      INFO(command << ' ' << names);
      CHECK(known.contains({command, names.substr(0, names.find(','))}));
      ++found;
    }
  }
  CHECK(found > 100);
}

TEST_CASE("sizes have units") {
  const test::TemporaryFolder folder;
  for (const char* good : {"64MiB", "1.5GiB", "1000", "2kB", "16 MB"})
    check_refused(folder, std::string("serve --models none --max-body '") + good + "'", "none: is no folder");
  for (const char* bad : {"64 parsecs", "MiB", "-1MiB", "0MiB", "2000000TiB"})
    check_refused(folder, std::string("serve --models none --max-body '") + bad + "'", "--max-body");
}
