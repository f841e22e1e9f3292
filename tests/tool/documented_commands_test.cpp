// What the documentation shows can be typed: the tool understands every command line of README, docs/ and --help.
#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <support/catch.hpp>
#include "program.hpp"

using namespace fulcrum;
using test::Finished;
using test::run_command;
using test::run_tool;

namespace {

/// A command line without the comment behind it, and what the shell does after it.
std::string command_of(std::string line) {
  line = line.substr(line.find("fulcrum "));
  for (const char* const end : {"    #", "  #", " > ", " && "}) line = line.substr(0, line.find(end));
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

/// Lines that are indented as code, and pieces of text in backquotes that name a model: the rest are names of options.
void add_commands_of_page(const std::string& text, std::set<std::string>& commands) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find_first_not_of(' ');
    if (first != std::string::npos && first >= 4 && line.compare(first, 8, "fulcrum ") == 0)
      commands.insert(command_of(line));
  }
  for (std::size_t at = text.find("`fulcrum "); at != std::string::npos; at = text.find("`fulcrum ", at + 1)) {
    std::string piece = text.substr(at + 1, text.find('`', at + 1) - at - 1);
    std::replace(piece.begin(), piece.end(), '\n', ' ');
    const bool whole = piece.find(".onnx") != std::string::npos || piece.find("zoo:") != std::string::npos;
    if (whole) commands.insert(command_of(piece));
  }
}

/// The examples at the end of a command's help.
void add_commands_of_help(const std::string& text, std::set<std::string>& commands) {
  std::istringstream lines(text.substr(std::min(text.find("Example"), text.size())));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  fulcrum ")) commands.insert(command_of(line));
  }
}

}  // namespace

TEST_CASE("the tool understands every command line that the documentation shows") {
  const test::TemporaryFolder folder;
  std::set<std::string> commands;
  const std::filesystem::path root(FULCRUM_SOURCE);
  add_commands_of_page(read_file((root / "README.md").string()), commands);
  for (const char* const pages : {"docs", "examples", "packaging", "deploy"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / pages)) {
      if (entry.path().extension() == ".md") add_commands_of_page(read_file(entry.path().string()), commands);
    }
  }
  const std::size_t on_pages = commands.size();
  for (const char* const command :
       {"info", "calibrate", "explain", "predict", "advise", "measure", "compare", "load", "plan", "run", "samples",
        "serve", "train", "evaluate", "compress", "sensitivity", "tradeoff", "validate", "zoo"})
    add_commands_of_help(run_tool(folder, std::string(command) + " --help").output, commands);
  CHECK(on_pages > 40);
  CHECK(commands.size() > on_pages + 10);
  for (const std::string& command : commands) {
    // Nothing they name is here, so they end at once, all but those that begin to work: these were understood.
    const Finished ended = run_command(
        folder, "HOME='" + folder.path("") + "' timeout 1 '" FULCRUM_TOOL "' " + command.substr(8) + " < /dev/null");
    INFO(command << ": " << ended.errors);
    CHECK(ended.exit_code != 2);
  }
}
