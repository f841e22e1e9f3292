#pragma once
/// \file
/// UTF-8 of any origin: names come from model files, and not all of them keep to it.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// One code point of UTF-8 text; a byte that is no valid UTF-8 is a code point of its own (U+FFFD).
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 1;  ///< that it takes in the text
};

/// The code point that begins at a byte of the text; `at` is below its size.
FULCRUM_DECLARE [[nodiscard]] CodePoint decode_utf8(std::string_view text, std::size_t at);

/// The text with every byte that is no valid UTF-8 replaced by U+FFFD ("�").
FULCRUM_DECLARE [[nodiscard]] std::string valid_utf8(std::string_view text);

FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> valid_utf8(const std::vector<std::string>& texts);

}  // namespace fulcrum

#if FULCRUM_DEFINES(core)

namespace fulcrum {

FULCRUM_DEFINE CodePoint decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t first = byte(at);
  if (first < 0x80U) return {first, 1};
  const std::size_t length = first >= 0xf0U && first < 0xf5U   ? 4
                             : first >= 0xe0U && first < 0xf0U ? 3
                             : first >= 0xc2U && first < 0xe0U ? 2
                                                               : 0;
  if (length == 0 || at + length > text.size()) return {0xfffdU, 1};
  std::uint32_t value = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0U) != 0x80U) return {0xfffdU, 1};
    value = (value << 6U) | (byte(at + i) & 0x3fU);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80U, 0x800U, 0x10000U};
  const bool valid = value >= least[length] && value <= 0x10ffffU && !(value >= 0xd800U && value <= 0xdfffU);
  return valid ? CodePoint{value, length} : CodePoint{0xfffdU, 1};
}

FULCRUM_DEFINE std::string valid_utf8(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (c.value == 0xfffdU && c.bytes == 1)
      result += "\xef\xbf\xbd";
    else
      result.append(text.substr(at, c.bytes));
    at += c.bytes;
  }
  return result;
}

FULCRUM_DEFINE std::vector<std::string> valid_utf8(const std::vector<std::string>& texts) {
  std::vector<std::string> result;
  for (const std::string& text : texts) result.push_back(valid_utf8(text));
  return result;
}

}  // namespace fulcrum

#endif
