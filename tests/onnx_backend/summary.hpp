#pragma once
/// \file
/// What became of the cases, and how to print it.

#include <cstddef>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fulcrum/report/table.hpp>

#include "scope.hpp"

namespace fulcrum::backend_test {

struct Failure {
  std::string name;
  std::string reason;
};

/// The cases of one folder of the suite.
struct Group {
  std::string name;
  std::size_t passed = 0;
  std::size_t excluded = 0;
  std::vector<Failure> failures;
};

struct Summary {
  std::vector<Group> groups;
  std::map<Exclusion::Kind, std::map<std::string, std::size_t>> exclusions;  ///< what → how many cases

  void exclude(Group& group, const Exclusion& exclusion) {
    ++group.excluded;
    ++exclusions[exclusion.kind][exclusion.what];
  }

  [[nodiscard]] std::size_t passed() const {
    std::size_t count = 0;
    for (const Group& group : groups) count += group.passed;
    return count;
  }
  [[nodiscard]] std::size_t failed() const {
    std::size_t count = 0;
    for (const Group& group : groups) count += group.failures.size();
    return count;
  }
};

inline std::string_view name_of(Exclusion::Kind kind) noexcept {
  switch (kind) {
    case Exclusion::Kind::type: return "types";
    case Exclusion::Kind::training: return "training";
    case Exclusion::Kind::opset: return "later opsets";
    case Exclusion::Kind::operators: return "operators";
  }
  return "?";
}

/// Rows of a table: the first is the header.
using Rows = std::vector<std::vector<std::string>>;

inline Rows group_rows(const Summary& summary) {
  Rows rows{{"group", "passed", "failed", "out of scope"}};
  std::size_t excluded = 0;
  for (const Group& group : summary.groups) {
    rows.push_back({group.name, std::to_string(group.passed), std::to_string(group.failures.size()),
                    std::to_string(group.excluded)});
    excluded += group.excluded;
  }
  rows.push_back({"all", std::to_string(summary.passed()), std::to_string(summary.failed()), std::to_string(excluded)});
  return rows;
}

inline Rows exclusion_rows(const Summary& summary) {
  Rows rows{{"out of scope", "cases", "which"}};
  for (const auto& [kind, reasons] : summary.exclusions) {
    std::size_t count = 0;
    std::string which;
    for (const auto& [what, cases] : reasons) {
      count += cases;
      which.append(which.empty() ? "" : ", ").append(what).append(" (").append(std::to_string(cases)).append(")");
    }
    rows.push_back({std::string(name_of(kind)), std::to_string(count), which});
  }
  return rows;
}

inline void print_markdown(std::ostream& out, const Rows& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (const std::string& cell : rows[i]) out << "| " << cell << ' ';
    out << "|\n";
    if (i > 0) continue;
    for (std::size_t column = 0; column < rows[i].size(); ++column) out << "|---";
    out << "|\n";
  }
  out << '\n';
}

inline void print(std::ostream& out, const Summary& summary, bool markdown) {
  const Rows groups = group_rows(summary);
  const Rows exclusions = exclusion_rows(summary);
  if (markdown) {
    print_markdown(out, groups);
    print_markdown(out, exclusions);
    return;
  }
  std::vector<Column> columns;
  for (const std::string& title : groups.front()) columns.push_back({title, Align::left});
  Table table(std::move(columns));
  for (std::size_t i = 1; i < groups.size(); ++i) table.add_row(groups[i]);
  out << table.to_string();
  for (std::size_t i = 1; i < exclusions.size(); ++i) {  // too wide for a table
    out << "out of scope by " << exclusions[i][0] << ", " << exclusions[i][1] << " cases: " << exclusions[i][2] << '\n';
  }
}

}  // namespace fulcrum::backend_test
