#pragma once

#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>

/// Adds --json and --csv to a command: what it prints instead of text.
/// \param document  set by either: print_document() is to be called
/// \param json      what --json does, for the help
void add_output_to(CLI::App& command, bool& document, const std::string& json = "print one JSON object");

/// Refuses results that would go to one file, where the last would take the place of the others.
/// \param files  options and the paths that they were given; an empty path is none
/// \throws fulcrum::Error naming both options
void expect_separate_files(const std::vector<std::pair<std::string, std::string>>& files);

/// Whether --csv was given: print_document() then prints the table of the document.
[[nodiscard]] bool prints_csv();

/// The table of a document, as comma-separated values.
/// \param schema  as of print_document(); one that has a table
[[nodiscard]] std::string csv_of(const std::string& schema, const nlohmann::json& document);
