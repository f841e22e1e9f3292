#pragma once
/// \file
/// Checks requests against a file of tokens.

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <fulcrum/serve/access_rules.hpp>
#include <fulcrum/serve/request_error.hpp>

namespace fulcrum::detail {

class AccessControl {
public:
  /// \param file  empty: everybody may do everything
  /// \throws Error when it cannot be read
  explicit AccessControl(std::string file) : file_(std::move(file)) {
    if (file_.empty()) return;
    changed_ = time_of();
    rules_ = read();
  }

  /// \param authorization  "Bearer …", as a header has it
  /// \param who            is set to who asks as soon as that is known
  /// \throws RequestError of status 401 or 403
  void check(std::string_view authorization, AccessRight right, std::string_view model, std::string& who) const {
    if (file_.empty()) return;
    std::shared_ptr<const AccessRules> rules;
    {
      const std::lock_guard lock(mutex_);
      rules = rules_;
    }
    const std::string_view token = bearer_token(authorization);
    const auto holder = token.empty() ? std::nullopt : rules->who(token);
    if (!holder)
      throw RequestError(401, "the request", "has no token that is known", "send Authorization: Bearer TOKEN");
    who = *holder;
    if (!rules->allows(token, right, model))
      throw RequestError(403, who,
                         "has no right to " + std::string(name_of(right)) + (model.empty() ? "" : " this model"));
  }

  /// Where the file has changed; one that is broken changes nothing.
  template <class Log>
  void read_again(const Log& log) {
    if (file_.empty()) return;
    const auto now = time_of();
    if (now == changed_) return;
    changed_ = now;
    try {
      std::shared_ptr<const AccessRules> rules = read();
      {
        const std::lock_guard lock(mutex_);
        rules_.swap(rules);
      }
      log("tokens_read", {{"file", file_}});
    } catch (const Error& error) {
      log("tokens_refused", {{"file", file_}, {"reason", error.what()}});
    }
  }

private:
  [[nodiscard]] std::filesystem::file_time_type time_of() const {
    std::error_code error;
    return std::filesystem::last_write_time(file_, error);
  }
  [[nodiscard]] std::shared_ptr<const AccessRules> read() const {
    const nlohmann::json j = read_json_file(file_);
    try {
      return std::make_shared<const AccessRules>(AccessRules::from_json(j));
    } catch (const Error& error) {
      throw Error(file_ + ": " + error.where(), error.problem(), error.remedy());
    }
  }

  std::string file_;
  std::filesystem::file_time_type changed_{};
  mutable std::mutex mutex_;
  std::shared_ptr<const AccessRules> rules_;
};

}  // namespace fulcrum::detail
