#pragma once
/// \file
/// What made a page: to be told on it, so that it can be made again.

#include <string>

namespace fulcrum {

/// What made a page. What is empty is not told.
struct ReportOrigin {
  std::string version = {};  ///< of Fulcrum
  std::string command = {};  ///< the command line, to make it again
};

}  // namespace fulcrum
