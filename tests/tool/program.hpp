#pragma once
// The tool, run as a user runs it.

#include <cstddef>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include <sys/wait.h>

#include <fulcrum/core/file.hpp>

#include <support/temporary_folder.hpp>

namespace fulcrum::test {

/// What a program left behind.
struct Finished {
  int exit_code = -1;
  std::string output;  ///< standard output
  std::string errors;  ///< standard error
};

/// Entries that run_command() leaves in an empty folder.
inline constexpr std::ptrdiff_t files_of_run_tool = 2;

/// Runs a shell's command in a folder.
inline Finished run_command(const TemporaryFolder& folder, const std::string& text) {
  const std::string command = "cd '" + folder.path("") + "' && { " + text + "\n} > stdout.txt 2> stderr.txt";
  const int status = std::system(command.c_str());
  if (status == -1 || !WIFEXITED(status)) throw std::runtime_error("the tool ended by a signal: " + command);
  return {WEXITSTATUS(status), read_file(folder.path("stdout.txt")), read_file(folder.path("stderr.txt"))};
}

/// Runs the tool in a folder. It finds no profile of this machine and no place for one, so that no test calibrates for
/// a minute without having asked for it.
/// \param arguments  as a shell reads them
inline Finished run_tool(const TemporaryFolder& folder, const std::string& arguments) {
  return run_command(folder, "XDG_CACHE_HOME=/proc '" FULCRUM_TOOL "' " + arguments);
}

}  // namespace fulcrum::test
