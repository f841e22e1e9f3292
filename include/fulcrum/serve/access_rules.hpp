#pragma once
/// \file
/// Who may do what: bearer tokens and their rights.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/serve/sha256.hpp>

namespace fulcrum {

enum class AccessRight : std::uint8_t {
  infer,   ///< run a model, read what it takes and how it fares
  change,  ///< load and unload it, change its traffic
  watch,   ///< metrics, the live page, the index of all models
};

/// "infer", "change", "watch"
[[nodiscard]] constexpr std::string_view name_of(AccessRight right) noexcept {
  return right == AccessRight::infer ? "infer" : right == AccessRight::change ? "change" : "watch";
}

/// Tokens, by their SHA-256, and what each may do. A file of them need not hold the tokens themselves.
class AccessRules {
public:
  /// {"tokens": [{"name": who, "sha256": of the token (or "token": itself), "rights": ["infer", …], "models": ["a", …],
  /// or ["*"] for all}]}. Rights are ["infer"] and models all where they are missing.
  /// \throws Error when something is missing, of another type or not known
  FULCRUM_DECLARE [[nodiscard]] static AccessRules from_json(const JsonReader& j);

  /// Who a token belongs to; nothing: to nobody.
  FULCRUM_DECLARE [[nodiscard]] std::optional<std::string> who(std::string_view token) const;
  /// \param model  empty: none in particular, as for `watch`
  FULCRUM_DECLARE [[nodiscard]] bool allows(std::string_view token, AccessRight right, std::string_view model) const;

private:
  struct Holder {
    std::string name;
    std::set<AccessRight> rights;
    std::set<std::string, std::less<>> models;  // empty: all
  };
  std::map<Sha256Digest, Holder> holders_;
};

/// The token of an Authorization header, "Bearer …"; empty when it is none.
[[nodiscard]] constexpr std::string_view bearer_token(std::string_view header) noexcept {
  constexpr std::string_view scheme = "Bearer ";
  if (header.size() <= scheme.size()) return {};
  for (std::size_t i = 0; i + 1 < scheme.size(); ++i) {
    const char c = header[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != (i == 0 ? 'b' : scheme[i])) return {};
  }
  return header[scheme.size() - 1] == ' ' ? header.substr(scheme.size()) : std::string_view{};
}

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <array>

#include <fulcrum/core/enum_name.hpp>

namespace fulcrum {

FULCRUM_DEFINE AccessRules AccessRules::from_json(const JsonReader& j) {
  AccessRules rules;
  for (const JsonReader& entry : j.at("tokens").elements()) {
    Holder holder;
    holder.name = entry.at("name").text();
    Sha256Digest key{};
    if (const auto token = entry.find("token")) {
      if (token->text().size() < 16) token->fail("a token of at least 16 characters");
      key = sha256(token->text());
    } else {
      const auto digest = sha256_from_hex(entry.at("sha256").text());
      if (!digest) entry.at("sha256").fail("64 hexadecimal digits");
      key = *digest;
    }
    if (const auto rights = entry.find("rights")) {
      for (const JsonReader& right : rights->elements()) {
        holder.rights.insert(right.name([](std::string_view name) {
          return enum_from("right", name, std::array{AccessRight::infer, AccessRight::change, AccessRight::watch});
        }));
      }
    } else {
      holder.rights = {AccessRight::infer};
    }
    if (const auto models = entry.find("models")) {
      bool all = false;
      for (const std::string& model : models->texts()) {
        all = all || model == "*";
        holder.models.insert(model);
      }
      if (holder.models.empty()) models->fail("a list of models, or [\"*\"]");
      if (all) holder.models.clear();
    }
    if (!rules.holders_.emplace(key, std::move(holder)).second)
      entry.fail("another token than the entries before have");
  }
  return rules;
}

FULCRUM_DEFINE std::optional<std::string> AccessRules::who(std::string_view token) const {
  const auto holder = holders_.find(sha256(token));
  return holder == holders_.end() ? std::nullopt : std::optional(holder->second.name);
}

FULCRUM_DEFINE bool AccessRules::allows(std::string_view token, AccessRight right, std::string_view model) const {
  const auto holder = holders_.find(sha256(token));  // by digest: how long a look-up takes says nothing of tokens
  if (holder == holders_.end() || !holder->second.rights.contains(right)) return false;
  return model.empty() || holder->second.models.empty() || holder->second.models.contains(model);
}

}  // namespace fulcrum

#endif
