#pragma once
/// \file
/// From the name of an enumerator back to it.

#include <cstddef>
#include <string>
#include <string_view>

#include <fulcrum/core/error.hpp>

namespace fulcrum {

/// The one of `values` whose name_of() is `name`.
/// \param what    what the name is of, for the Error ("precision")
/// \param values  an array of all that may be named
/// \throws Error when no name is the same to the letter: it lists those that there are
template <class Values>
[[nodiscard]] typename Values::value_type enum_from(std::string_view what, std::string_view name,
                                                    const Values& values) {
  std::string names;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (name_of(values[i]) == name) return values[i];
    names.append(i == 0 ? "" : i + 1 == values.size() ? " or " : ", ").append(name_of(values[i]));
  }
  throw Error(std::string(what) + " '" + std::string(name) + "'", "is not known", "use " + names);
}

}  // namespace fulcrum
