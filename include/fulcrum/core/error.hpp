#pragma once
/// \file
/// The one exception type of the library.

#include <stdexcept>
#include <string>
#include <utility>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// Misuse or bad input: one sentence that says where, what, and what to do about it.
///
/// "No configuration meets this target" is an answer, not an Error; see plan/recommendation.hpp.
class Error : public std::runtime_error {
public:
  /// \param where   the file, layer, option or function concerned ("model.onnx", "layer 'conv1'", "--threads")
  /// \param what    what is wrong with it ("is 0")
  /// \param remedy  what the reader can do ("give a number from 1 to 2"); may be empty
  FULCRUM_DECLARE Error(std::string where, std::string what, std::string remedy = {});

  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] const std::string& problem() const noexcept { return what_; }
  [[nodiscard]] const std::string& remedy() const noexcept { return remedy_; }

private:
  static std::string sentence(const std::string& where, const std::string& what, const std::string& remedy) {
    std::string text = where.empty() ? what : where + ": " + what;
    if (!remedy.empty()) text += "; " + remedy;
    return text;
  }

  std::string where_;
  std::string what_;
  std::string remedy_;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(core)

namespace fulcrum {

FULCRUM_DEFINE Error::Error(std::string where, std::string what, std::string remedy)
    : std::runtime_error(sentence(where, what, remedy)),
      where_(std::move(where)),
      what_(std::move(what)),
      remedy_(std::move(remedy)) {}

}  // namespace fulcrum

#endif
