#pragma once
/// \file
/// Tables on narrow screens: a row becomes a card (html_style.hpp), whose lines are named after the columns.

#include <string_view>

namespace fulcrum::detail {

/// Gives the cells of each table of class `stacks` the names of their columns, and each row's first cell the look of
/// a heading, where the page has not done so.
inline constexpr std::string_view html_script_tables = R"js(
for (const table of document.querySelectorAll('table.stacks')) {
  const columns = [...table.tHead.rows[0].cells].map(cell => cell.textContent);
  for (const row of table.tBodies[0].rows) {
    [...row.cells].forEach((cell, at) => { if (!('column' in cell.dataset)) cell.dataset.column = columns[at]; });
    row.cells[0].classList.add('name');
  }
}
)js";

}  // namespace fulcrum::detail
