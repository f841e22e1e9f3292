#pragma once
// What the commands of the tool share. Each command is one source file with one function that adds it to the app.

#include <string>

#include <CLI/CLI.hpp>

/// What the tool ends with.
enum class ExitCode {
  success = 0,
  failure = 1,     ///< an Error: something in files or options
  usage = 2,       ///< the command line could not be understood
  slo_missed = 3,  ///< load: the bound on the tail could not be shown to hold; plan: nothing qualifies
  regression = 4,  ///< compare: the new run is slower
  too_noisy = 5,   ///< compare: that cannot be told
};

/// Adds the commands; each runs in its own callback and throws fulcrum::Error on bad input.
void add_advise(CLI::App& app);
void add_info(CLI::App& app);
void add_calibrate(CLI::App& app);
void add_explain(CLI::App& app);
void add_predict(CLI::App& app);
void add_measure(CLI::App& app);
/// \param exit_code  set when the command has run; must outlive the app
void add_compare(CLI::App& app, ExitCode& exit_code);
/// \param exit_code  as of add_compare()
void add_load(CLI::App& app, ExitCode& exit_code);
/// \param exit_code  as of add_compare()
void add_plan(CLI::App& app, ExitCode& exit_code);
void add_run(CLI::App& app);
/// \param exit_code  as of add_compare()
void add_serve(CLI::App& app, ExitCode& exit_code);
void add_train(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_compress(CLI::App& app);
void add_tradeoff(CLI::App& app);
void add_validate(CLI::App& app);
void add_zoo(CLI::App& app);

/// Prints one JSON document, and only that, to standard output.
void print_json(const std::string& text);
/// Prints text for people to standard output.
void print(const std::string& text);
/// Prints a remark for people to standard error, where it disturbs no pipe.
void remark(const std::string& text);
