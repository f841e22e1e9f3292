// fulcrum: predicts, measures and balances the latency and throughput of a neural network on this machine.

#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/utc.hpp>
#include <fulcrum/report/table.hpp>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_json(const std::string& text) {
  print(text);
  print("\n");
}

void print_document(const std::string& schema, nlohmann::json document) {
  document["schema"] = "fulcrum/" + schema + "/1";
  document["fulcrum_version"] = FULCRUM_VERSION;
  if (!document.contains("created_utc")) document["created_utc"] = fulcrum::utc_now();
  if (prints_csv()) return print(csv_of(schema, document));
  print_json(document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void remark(const std::string& text) { std::fprintf(stderr, "fulcrum: %s\n", text.c_str()); }

namespace {

std::string started_with;

/// A word as a shell takes it.
std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && word.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789_-./:,=+%@") == std::string::npos;
  if (plain) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

/// A message on one line: what libraries wrote over several is joined. It may quote files, which must not command the
/// terminal.
std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return fulcrum::printable(text);
}

/// An option that may be given several times takes one value each time, in every command, so that options may stand
/// before MODEL as well as after it.
void take_one_value_each(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands({})) {
    for (CLI::Option* option : command->get_options()) {
      if (!option->get_positional() && option->get_items_expected_max() > 1) option->allow_extra_args(false);
    }
  }
}

/// \param exit_code  what the command that runs sets, unless it throws
ExitCode run(CLI::App& app, const ExitCode& exit_code, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      remark("standard output: could not be written to");
      return ExitCode::failure;
    }
    return exit_code;
  } catch (const CLI::Success& help) {
    app.exit(help);  // prints what --help and --version ask for
    return ExitCode::success;
  } catch (const CLI::ParseError& error) {
    std::string command = "fulcrum";
    for (const CLI::App* sub : app.get_subcommands()) command += " " + sub->get_name();
    remark(one_line(error.what()) + "; see '" + command + " --help'");
    return ExitCode::usage;
  } catch (const fulcrum::Error& error) {
    remark(one_line(error.what()));
  } catch (const std::bad_alloc&) {
    remark("memory: there is not enough for this; try a smaller batch");
  } catch (const std::exception& error) {
    remark(one_line(error.what()));
  }
  return ExitCode::failure;
}

}  // namespace

const std::string& command_line() { return started_with; }

int main(int argc, char** argv) {
  started_with = "fulcrum";
  for (int i = 1; i < argc; ++i) started_with += " " + shell_word(argv[i]);
  CLI::App app("Finds where a neural network's latency and throughput balance on this machine.", "fulcrum");
  app.set_version_flag("--version", "fulcrum " FULCRUM_VERSION);
  app.require_subcommand(1);
  app.footer(
      "A MODEL is zoo:NAME or an .onnx file. Every command takes --help, and all but serve --json:\n"
      "one JSON object to standard output. Most take --csv as well.\n\n"
      "Start here:\n"
      "  fulcrum train zoo:fashion_cnn --data fashion-mnist -o model.onnx\n"
      "  fulcrum tradeoff model.onnx --data fashion-mnist --slo-p99-ms 5 --max-accuracy-drop 0.5 --report report.html");
  add_info(app);
  add_calibrate(app);
  add_explain(app);
  add_predict(app);
  add_advise(app);
  ExitCode exit_code = ExitCode::success;
  add_measure(app, exit_code);
  add_compare(app, exit_code);
  add_load(app, exit_code);
  add_plan(app, exit_code);
  add_run(app);
  add_samples(app);
  add_serve(app, exit_code);
  add_train(app);
  add_evaluate(app);
  add_compress(app);
  add_sensitivity(app);
  add_tradeoff(app, exit_code);
  add_validate(app);
  add_zoo(app);
  take_one_value_each(app);
  check_option_values(app);
  return static_cast<int>(run(app, exit_code, argc, argv));
}
