#include "option_values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include <fulcrum/core/error.hpp>

namespace {

/// "0.001", "86400": as short as it can be.
std::string number_text(double value) {
  char text[32];
  const auto [end, failure] = std::to_chars(text, text + sizeof text, value);
  return {text, failure == std::errc() ? end : text};
}

/// The number that a whole text holds.
template <class Number>
std::errc parse_whole(std::string_view text, Number& number) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc()) return failure;
  return end == text.data() + text.size() ? std::errc() : std::errc::invalid_argument;
}

std::string shown_value(const std::string& text) { return "'" + text.substr(0, 60) + (text.size() > 60 ? "…'" : "'"); }

/// Takes a whole number, and writes it as CLI11 reads it: without the zeros in front that would make it octal.
template <class Integer>
std::string check_integer(std::string& text) {
  Integer number = 0;
  const std::errc failure = parse_whole(text, number);
  if (failure == std::errc::result_out_of_range) return shown_value(text) + " is too large";
  if (failure != std::errc())
    return shown_value(text) + " is no whole number" + (std::is_unsigned_v<Integer> ? " of 0 or more" : "");
  text = std::to_string(number);
  return {};
}

std::string check_number(std::string& text) {
  double number = 0.0;
  const std::errc failure = parse_whole(text, number);
  if (failure == std::errc::result_out_of_range) return shown_value(text) + " is out of range";
  if (failure != std::errc()) return shown_value(text) + " is no number";
  return std::isfinite(number) ? "" : shown_value(text) + " is not finite";
}

std::string check_text(std::string& text) {
  return text.empty() ? "is empty; give a value or leave the option out" : "";
}

CLI::Validator range_check(std::string description, bool (*valid)(double, double, double), double least, double most) {
  const std::string expected = description;
  return {[=](std::string& text) -> std::string {
            double number = 0.0;
            // What is no number at all is refused by check_option_values().
            if (parse_whole(text, number) != std::errc() || valid(number, least, most)) return {};
            return "is " + text.substr(0, 60) + "; give a number " + expected;
          },
          ""};
}

}  // namespace

CLI::Validator between(double least, double most) {
  return range_check(
      "from " + number_text(least) + " to " + number_text(most),
      [](double x, double low, double high) { return x >= low && x <= high; }, least, most);
}

CLI::Validator above_zero(double most) {
  return range_check(
      "above 0 and up to " + number_text(most), [](double x, double low, double high) { return x > low && x <= high; },
      0.0, most);
}

CLI::Validator share() {
  return range_check(
      "above 0 and below 1", [](double x, double low, double high) { return x > low && x < high; }, 0.0, 1.0);
}

CLI::Validator share_or_zero() {
  return range_check(
      "from 0 to below 1", [](double x, double low, double high) { return x >= low && x < high; }, 0.0, 1.0);
}

CLI::Validator above_half() {
  return range_check(
      "above 0.5 and up to 0.9999999", [](double x, double low, double high) { return x > low && x <= high; }, 0.5,
      0.9999999);
}

CLI::Validator byte_size(double most) {
  return {[most](std::string& text) -> std::string {
            constexpr std::pair<std::string_view, double> units[] = {
                {"", 1.0},   {"B", 1.0},      {"kB", 1e3},        {"MB", 1e6},
                {"GB", 1e9}, {"KiB", 1024.0}, {"MiB", 1048576.0}, {"GiB", 1073741824.0}};
            double number = 0.0;
            const char* const last = text.data() + text.size();
            const auto [end, failure] = std::from_chars(text.data(), last, number);
            std::string_view unit(end, static_cast<std::size_t>(last - end));
            if (unit.starts_with(' ')) unit.remove_prefix(1);
            const auto* const known =
                std::find_if(std::begin(units), std::end(units), [&](const auto& u) { return u.first == unit; });
            if (failure != std::errc() || known == std::end(units))
              return shown_value(text) + " is no size; give bytes, or for example 64MiB";
            number *= known->second;
            if (!(number >= 1.0 && number <= most))
              return "is " + text.substr(0, 60) + "; give 1 to " + number_text(most) + " bytes";
            text = std::to_string(static_cast<std::uint64_t>(number));
            return {};
          },
          "SIZE"};
}

void check_option_values(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands({})) {
    for (CLI::Option* option : command->get_options()) {
      if (option->get_items_expected_max() == 0) continue;  // a flag
      const std::string type = option->get_type_name();
      option->check(CLI::Validator(check_text, ""));
      // A check could not change the text. Transformations come before the checks of ranges.
      if (type.find("SIZE") != std::string::npos)
        continue;  // byte_size()
      else if (type.starts_with("UINT"))
        option->transform(CLI::Validator(check_integer<std::uint64_t>, ""));
      else if (type.starts_with("INT"))
        option->transform(CLI::Validator(check_integer<std::int64_t>, ""));
      else if (type.starts_with("FLOAT"))
        option->check(CLI::Validator(check_number, ""));
    }
  }
}

void expect_effect(const CLI::App& given, const char* option, bool has_effect, const std::string& why,
                   const std::string& remedy) {
  if (!has_effect && given.count(option) > 0) throw fulcrum::Error(option, why, remedy);
}

void given_twice(const std::string& option, const std::string& text, const std::string& name) {
  throw fulcrum::Error(option + " " + text, "names '" + name + "' a second time", "give each name once");
}
