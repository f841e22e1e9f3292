#pragma once
// How the tool refuses what it is given: soon, with one sentence on standard error, and with nothing written.

#include <algorithm>
#include <string>

#include <support/catch.hpp>
#include "program.hpp"

namespace fulcrum::test {

/// Runs the tool with limits that hold on a busy machine too: 5 s of its own time, and 60 s of everybody's.
inline Finished run_limited(const TemporaryFolder& folder, const std::string& arguments) {
  return run_command(folder, "ulimit -t 5; timeout 60 '" FULCRUM_TOOL "' " + arguments);
}

/// Refused in one sentence, with nothing written.
inline void check_refused(const TemporaryFolder& folder, const std::string& arguments, const std::string& words = "") {
  INFO(arguments);
  const Finished finished = run_limited(folder, arguments);
  INFO(finished.errors);
  CHECK((finished.exit_code == 1 || finished.exit_code == 2));
  CHECK(finished.output.empty());
  CHECK(std::count(finished.errors.begin(), finished.errors.end(), '\n') == 1);
  CHECK(finished.errors.starts_with("fulcrum: "));
  CHECK(finished.errors.size() < 400);
  CHECK_THAT(finished.errors, ContainsSubstring(words));
  CHECK(folder.files() == files_of_run_tool);
}

}  // namespace fulcrum::test
