#pragma once
/// \file
/// Values into JSON, and out of JSON that may be broken.

#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// Null when absent, infinite or not a number.
[[nodiscard]] inline nlohmann::json number_or_null(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

/// A value of a JSON document that knows the way to it, so that an Error names it ("layers[3].latency_ms: must be a
/// number of 0 or more, but is null"). Does not own the document.
class JsonReader {
public:
  /// \param path  the way to the value; empty: it is the document
  JsonReader(const nlohmann::json& value, std::string path = {})  // NOLINT: a document reads as one
      : value_(&value), path_(std::move(path)) {}

  /// The value of a key. One that is missing is refused when it is read as something.
  /// \throws Error when this is no object
  FULCRUM_DECLARE [[nodiscard]] JsonReader at(const std::string& key) const;

  /// The value of a key; nothing when it is missing or null.
  /// \throws Error when this is no object
  FULCRUM_DECLARE [[nodiscard]] std::optional<JsonReader> find(const std::string& key) const;

  /// \throws Error when this is no list
  FULCRUM_DECLARE [[nodiscard]] std::vector<JsonReader> elements() const;

  /// The keys of an object and their values.
  /// \throws Error when this is no object
  FULCRUM_DECLARE [[nodiscard]] std::vector<std::pair<std::string, JsonReader>> members() const;

  /// \throws Error when this is no finite number or one outside least … most
  FULCRUM_DECLARE [[nodiscard]] double number(double least = std::numeric_limits<double>::lowest(),
                                              double most = std::numeric_limits<double>::max()) const;

  /// \throws Error when this is no whole number or one outside least … most
  template <std::integral Integer>
  [[nodiscard]] Integer integer(Integer least, Integer most = std::numeric_limits<Integer>::max()) const {
    const auto in_range = [&](auto number) {
      return std::cmp_greater_equal(number, least) && std::cmp_less_equal(number, most);
    };
    const bool valid = value_ != nullptr && (value_->is_number_unsigned()  ? in_range(value_->get<std::uint64_t>())
                                             : value_->is_number_integer() ? in_range(value_->get<std::int64_t>())
                                                                           : false);
    if (!valid) fail("a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return value_->get<Integer>();
  }

  /// \throws Error when this is neither true nor false
  FULCRUM_DECLARE [[nodiscard]] bool boolean() const;

  /// \throws Error when this is no text
  FULCRUM_DECLARE [[nodiscard]] std::string text() const;

  /// The enumerator that a text names.
  /// \param from  takes a name and throws an Error that says which there are (precision_from)
  /// \throws Error when this is no text or no such name
  template <class From>
  [[nodiscard]] auto name(From from) const {
    const std::string word = text();
    try {
      return from(word);
    } catch (const Error& error) {
      throw Error(where(), "is '" + word.substr(0, 40) + "'", error.remedy());
    }
  }

  FULCRUM_DECLARE [[nodiscard]] std::vector<double> numbers() const;

  FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> texts() const;

  /// \throws Error always: this value, what it must be, what it is
  [[noreturn]] void fail(const std::string& expected) const {
    throw Error(where(), "must be " + expected + ", but is " + found());
  }

private:
  JsonReader(const nlohmann::json* value, std::string path) : value_(value), path_(std::move(path)) {}

  [[nodiscard]] std::string where() const { return path_.empty() ? "the document" : path_; }

  static std::string figure(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%g", value);
    return text.data();
  }

  FULCRUM_DECLARE [[nodiscard]] std::string found() const;

  const nlohmann::json* value_;  // null: it is missing
  std::string path_;
};

/// The document that a text holds.
/// \param where   what the text is, for the Error
/// \param remedy  where to get a good one, for the Error; may be empty
/// \throws Error when it is no JSON, or lists and objects in it are more than 64 deep
FULCRUM_DECLARE [[nodiscard]] nlohmann::json parse_json(std::string_view text, const std::string& where,
                                                        const std::string& remedy = {});

/// The document that a file holds; \see parse_json() for `remedy`.
/// \throws Error as parse_json() does, or when the file cannot be read or holds more than 64 MiB
[[nodiscard]] inline nlohmann::json read_json_file(const std::string& path, const std::string& remedy = {}) {
  return parse_json(read_file(path, std::size_t{64} << 20U), path, remedy);
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(run)

namespace fulcrum {

FULCRUM_DEFINE JsonReader JsonReader::at(const std::string& key) const {
  if (value_ == nullptr || !value_->is_object()) fail("an object");
  const auto found = value_->find(key);
  return JsonReader(found == value_->end() ? nullptr : &*found, path_.empty() ? key : path_ + "." + key);
}

FULCRUM_DEFINE std::optional<JsonReader> JsonReader::find(const std::string& key) const {
  JsonReader found = at(key);
  if (found.value_ == nullptr || found.value_->is_null()) return std::nullopt;
  return found;
}

FULCRUM_DEFINE std::vector<JsonReader> JsonReader::elements() const {
  if (value_ == nullptr || !value_->is_array()) fail("a list");
  std::vector<JsonReader> result;
  for (const nlohmann::json& element : *value_)
    result.push_back(JsonReader(&element, path_ + "[" + std::to_string(result.size()) + "]"));
  return result;
}

FULCRUM_DEFINE std::vector<std::pair<std::string, JsonReader>> JsonReader::members() const {
  if (value_ == nullptr || !value_->is_object()) fail("an object");
  std::vector<std::pair<std::string, JsonReader>> result;
  for (const auto& [key, value] : value_->items()) result.emplace_back(key, at(key));
  return result;
}

FULCRUM_DEFINE double JsonReader::number(double least, double most) const {
  const bool any = least == std::numeric_limits<double>::lowest();
  const std::string expected = most < std::numeric_limits<double>::max()
                                   ? "a number from " + figure(least) + " to " + figure(most)
                               : any ? "a number"
                                     : "a number of " + figure(least) + " or more";
  if (value_ == nullptr || !value_->is_number()) fail(expected);
  const double result = value_->get<double>();
  if (!std::isfinite(result) || result < least || result > most) fail(expected);
  return result;
}

FULCRUM_DEFINE bool JsonReader::boolean() const {
  if (value_ == nullptr || !value_->is_boolean()) fail("true or false");
  return value_->get<bool>();
}

FULCRUM_DEFINE std::string JsonReader::text() const {
  if (value_ == nullptr || !value_->is_string()) fail("text");
  return value_->get<std::string>();
}

FULCRUM_DEFINE std::vector<double> JsonReader::numbers() const {
  std::vector<double> result;
  for (const JsonReader& element : elements()) result.push_back(element.number());
  return result;
}

FULCRUM_DEFINE std::vector<std::string> JsonReader::texts() const {
  std::vector<std::string> result;
  for (const JsonReader& element : elements()) result.push_back(element.text());
  return result;
}

FULCRUM_DEFINE std::string JsonReader::found() const {
  if (value_ == nullptr) return "missing";
  if (value_->is_object()) return "an object";
  if (value_->is_array()) return "a list";
  if (value_->is_string()) return "text";
  return value_->dump();
}

FULCRUM_DEFINE nlohmann::json parse_json(std::string_view text, const std::string& where, const std::string& remedy) {
  constexpr int deepest = 64;
  const auto check_depth = [&](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
    if (depth > deepest) throw Error(where, "is nested more than " + std::to_string(deepest) + " deep", remedy);
    return true;
  };
  try {
    return nlohmann::json::parse(text, check_depth);
  } catch (const nlohmann::json::parse_error& error) {
    // The byte is counted from 1; past the last one is where a file ends that was cut off.
    const std::string what = error.byte > text.size()
                                 ? "is not JSON: it ends too early"
                                 : "is not JSON from its byte " + std::to_string(error.byte) + " on";
    throw Error(where, what, remedy);
  } catch (const nlohmann::json::exception&) {
    throw Error(where, "is not JSON that can be read: a number in it is too large", remedy);
  }
}

}  // namespace fulcrum

#endif
