// peer_benchmark: the executor beside ONNX Runtime, and beside the sum of its own steps. benchmarks/peers/run.sh runs
// it.

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/report/progress_bar.hpp>

#include "cases.hpp"
#include "compare.hpp"
#include "report_json.hpp"

using namespace fulcrum;

namespace {

struct Options {
  peers::Selection selection;
  peers::Timing timing;
  peers::Places places{"benchmarks/peers/onnxruntime_worker.mjs", "build/peers/models"};
  std::vector<std::string> precisions, dims;
  double seconds = 6.0;
  std::string json, markdown;
  bool list = false;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("--networks", options.selection.networks,
                 "networks of the zoo, or recurrent ones (default: see --list)")
      ->delimiter(',');
  app.add_option("--files", options.selection.files, "ONNX files, beside networks of the zoo or instead of them");
  app.add_option("--dim", options.dims, "NAME=EXTENT of a symbolic dimension of the files; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--batches", options.selection.batches, "samples per inference (default: see --list)")->delimiter(',');
  app.add_option("--precisions", options.precisions, "of Fulcrum: f32, bf16, int8 (default: all)")->delimiter(',');
  app.add_option("--threads", options.timing.threads, "threads of each side")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "time of each case, for both sides together")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--rounds", options.timing.rounds, "turns of each side in a case")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  // run.sh gives these first; the user's come after and win.
  app.add_option("--json", options.json, "file for everything, as JSON")->take_last();
  app.add_option("--markdown", options.markdown, "file for the tables, as Markdown")->take_last();
  app.add_option("--models", options.places.models, "folder for the models")->take_last()->capture_default_str();
  app.add_option("--worker", options.places.worker, "path of onnxruntime_worker.mjs")
      ->take_last()
      ->capture_default_str();
  app.add_flag("--list", options.list, "print the cases and time nothing");
}

void list_cases(const Options& options) {
  for (const peers::Case& c : peers::selected_cases(options.selection)) std::puts(peers::to_string(c).c_str());
  for (const peers::Case& c : peers::selected_step_cases(options.selection)) {
    std::string text = c.network + ", batch " + std::to_string(c.batch) + ", ";
    text.append(name_of(c.comparison.ours)).append(": executor and its steps");
    std::puts(text.c_str());
  }
}

/// What is known so far, so that an interrupted run leaves what it has.
void write_results(const Options& options, const peers::Report& report) {
  if (!options.json.empty()) write_file_atomically(options.json, peers::to_json(report).dump(1) + "\n");
  if (!options.markdown.empty()) write_file_atomically(options.markdown, peers::to_markdown(report));
}

/// \return whether nothing failed
bool run(Options& options) {
  for (const std::string& name : options.precisions) options.selection.precisions.push_back(precision_from(name));
  options.selection.dims = peers::dims_from(options.dims);
  peers::validate(options.selection);
  options.timing.seconds = Seconds(options.seconds);
  if (options.list) {
    list_cases(options);
    return true;
  }

  peers::Report report;
  report.environment = onednn_environment();
  report.timing = options.timing;
  const std::vector<peers::Case> cases = peers::selected_cases(options.selection);
  const std::vector<peers::Case> step_cases = peers::selected_step_cases(options.selection);
  const auto total = static_cast<double>(cases.size() + step_cases.size());
  ProgressBar bar;
  const ProgressSink progress = [&](const Progress& p) {
    const auto done = static_cast<double>(report.cases.size() + report.steps.size());
    bar.show({(done + p.fraction) / total, p.stage, p.detail});
  };
  bool good = true;
  for (const peers::Case& c : cases) {
    report.cases.push_back(peers::run_case(c, options.timing, options.places, progress));
    const peers::CaseResult& result = report.cases.back();
    good = good && !result.failed;
    if (!result.onnxruntime_version.empty()) report.environment.versions["ONNX Runtime"] = result.onnxruntime_version;
    write_results(options, report);
  }
  for (const peers::Case& c : step_cases) {
    report.steps.push_back(peers::run_step_case(c, options.timing, options.places, progress));
    good = good && !report.steps.back().failed;
    write_results(options, report);
  }
  bar.clear();

  std::fputs(peers::to_text(report).c_str(), stdout);
  return good;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a worker that is gone shows as an Error
  CLI::App app(
      "Times Fulcrum's executor and ONNX Runtime in turns on the same models, and the executor beside its steps.",
      "peer_benchmark");
  Options options;
  try {
    options.timing.threads = std::min(2, current_environment().cores);
    add_options(app, options);
    app.parse(argc, argv);
    return run(options) ? 0 : 1;
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "peer_benchmark: %s\n", error.what());
  }
  return 1;
}
