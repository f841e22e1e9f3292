#pragma once

#include <string>

/// The source text of Chart.js, embedded when the tool is built.
[[nodiscard]] std::string chart_js();
