#pragma once
/// \file
/// How long-running functions say how far they are. They never print; whoever calls decides what to show.

#include <functional>
#include <string>

#include <fulcrum/core/language.hpp>

namespace fulcrum {

/// One sign of life.
struct Progress {
  double fraction = 0.0;  ///< done, 0 … 1
  std::string stage;      ///< what is being done ("epoch 3/8")
  std::string detail;     ///< figures worth showing ("loss 0.213"); may be empty
};

/// Called between units of work, never inside a measurement. Empty: nobody listens.
using ProgressSink = std::function<void(const Progress&)>;

}  // namespace fulcrum
