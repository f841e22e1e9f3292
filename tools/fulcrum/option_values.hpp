#pragma once
// What values options take: said once for all commands, before anything is loaded.

#include <string>

#include <CLI/CLI.hpp>

/// A number from `least` to `most`.
[[nodiscard]] CLI::Validator between(double least, double most);

/// A number above 0, to `most`.
[[nodiscard]] CLI::Validator above_zero(double most = 1e9);

/// The same for a share: above 0 and below 1.
[[nodiscard]] CLI::Validator share();

/// The same for a share that may be nothing: from 0 to below 1.
[[nodiscard]] CLI::Validator share_or_zero();

/// A level of confidence or a percentile: above 0.5 and up to 0.9999999.
[[nodiscard]] CLI::Validator above_half();

/// Bytes, as a number or with a unit (B, kB, MB, GB, KiB, MiB, GiB): what is read is the plain number. From 1 to
/// `most`.
[[nodiscard]] CLI::Validator byte_size(double most);

/// Every option of every command refuses the empty text and, where it takes numbers, whatever is no plain finite number
/// of its type: CLI11 would clamp what does not fit 64 bits, read "010" as 8 and take "-1" for a seed.
void check_option_values(CLI::App& app);

/// Refuses an option that was given where it would change nothing: whoever gave it expects otherwise.
/// \param has_effect  whether it does, with what else was said
/// \throws fulcrum::Error "OPTION: WHY; REMEDY"
void expect_effect(const CLI::App& given, const char* option, bool has_effect, const std::string& why,
                   const std::string& remedy);

/// Refuses a text NAME=VALUE whose name was given before.
/// \param option  that it was given to ("--dim")
/// \throws fulcrum::Error always
[[noreturn]] void given_twice(const std::string& option, const std::string& text, const std::string& name);
