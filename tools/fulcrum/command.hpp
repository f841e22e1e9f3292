#pragma once
// What the commands of the tool share. Each command is one source file with one function that adds it to the app.

#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>

/// What the tool ends with.
enum class ExitCode {
  success = 0,
  failure = 1,     ///< an Error: something in files or options
  usage = 2,       ///< the command line could not be understood
  slo_missed = 3,  ///< load, measure, tradeoff: the bound on the tail could not be shown to hold, or is not met; plan:
                   ///< nothing qualifies
  regression = 4,  ///< compare, measure: the new run is slower
  too_noisy = 5,   ///< compare, measure: that cannot be told
};

/// Adds the commands; each runs in its own callback and throws fulcrum::Error on bad input.
void add_advise(CLI::App& app);
void add_info(CLI::App& app);
void add_calibrate(CLI::App& app);
void add_explain(CLI::App& app);
void add_predict(CLI::App& app);
/// \param exit_code  set when the command has run; must outlive the app
void add_measure(CLI::App& app, ExitCode& exit_code);
/// \param exit_code  as of add_measure()
void add_compare(CLI::App& app, ExitCode& exit_code);
/// \param exit_code  as of add_measure()
void add_load(CLI::App& app, ExitCode& exit_code);
/// \param exit_code  as of add_measure()
void add_plan(CLI::App& app, ExitCode& exit_code);
void add_run(CLI::App& app);
void add_samples(CLI::App& app);
/// \param exit_code  as of add_measure()
void add_serve(CLI::App& app, ExitCode& exit_code);
void add_train(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_compress(CLI::App& app);
void add_sensitivity(CLI::App& app);
/// \param exit_code  as of add_measure()
void add_tradeoff(CLI::App& app, ExitCode& exit_code);
void add_validate(CLI::App& app);
void add_zoo(CLI::App& app);

/// Prints one JSON document, and only that, to standard output: with "schema" (docs/json.md), "fulcrum_version" and,
/// unless it says itself when it was made, "created_utc". What is no UTF-8 in it (names of files) is replaced.
/// \param schema  its name without the version: "latency-report"
void print_document(const std::string& schema, nlohmann::json document);
/// What the tool was started with, as a shell takes it.
[[nodiscard]] const std::string& command_line();
/// Prints the text of a JSON document, and only that, to standard output.
void print_json(const std::string& text);
/// Prints text for people to standard output.
void print(const std::string& text);
/// Prints a remark for people to standard error, where it disturbs no pipe.
void remark(const std::string& text);
