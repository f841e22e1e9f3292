#pragma once
/// \file
/// What serve/model_repository.hpp declares.

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include <fulcrum/core/quiet_thread.hpp>
#include <fulcrum/onnx/import.hpp>
#include <fulcrum/serve/model_repository.hpp>

namespace fulcrum::detail {

/// A version's number; nothing when the text is none.
inline std::optional<std::uint64_t> version_number(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool plain = error == std::errc{} && end == text.data() + text.size() && (text.front() != '0');
  return plain ? std::optional(number) : std::nullopt;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE bool is_model_name(std::string_view name) noexcept {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !name.empty() && name.size() <= 255 && name.front() != '.' && std::all_of(name.begin(), name.end(), good);
}

FULCRUM_DEFINE ModelRepository::ModelRepository(RepositoryOptions options) : options_(std::move(options)) {
  std::error_code error;
  if (!std::filesystem::is_directory(options_.folder, error))
    throw Error(options_.folder, "is no folder", "give the folder of NAME/VERSION/model.onnx");
}

FULCRUM_LINKAGE ModelRepository::~ModelRepository() = default;

FULCRUM_DEFINE std::vector<std::string> ModelRepository::names() const {
  std::vector<std::string> result;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder, error)) {
    const std::string name = entry.path().filename().string();
    if (is_model_name(name) && entry.is_directory(error)) result.push_back(name);
  }
  std::sort(result.begin(), result.end());
  return result;
}

FULCRUM_DEFINE std::vector<std::string> ModelRepository::versions_in_folder(const std::string& name) const {
  std::vector<std::uint64_t> numbers;
  if (!is_model_name(name)) return {};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder + "/" + name, error)) {
    const auto number = detail::version_number(entry.path().filename().string());
    if (number && std::filesystem::exists(entry.path() / "model.onnx", error)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  std::vector<std::string> result;
  for (const std::uint64_t number : numbers) result.push_back(std::to_string(number));
  return result;
}

FULCRUM_DEFINE std::vector<VersionStatus> ModelRepository::index() const {
  std::vector<std::string> all = names();
  std::vector<VersionStatus> result;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, entry] : entries_) {
    if (!entry.versions.empty() && !std::binary_search(all.begin(), all.end(), name)) all.push_back(name);
  }
  for (const std::string& name : all) {
    const auto entry = entries_.find(name);
    std::vector<std::string> versions = versions_in_folder(name);
    if (entry != entries_.end()) {
      for (const auto& [number, version] : entry->second.versions) {
        if (std::find(versions.begin(), versions.end(), version->version()) == versions.end())
          versions.push_back(version->version());
      }
    }
    if (versions.empty()) result.push_back({name, "", false, false, "has no VERSION/model.onnx"});
    for (const std::string& version : versions) {
      const auto number = detail::version_number(version);
      VersionStatus status{name, version};
      if (entry != entries_.end()) {
        status.ready = entry->second.versions.contains(*number);
        status.current = entry->second.current == number;
      }
      const auto failure = failures_.find({name, version});
      if (!status.ready) status.reason = failure != failures_.end() ? failure->second : "not loaded";
      result.push_back(std::move(status));
    }
  }
  return result;
}

FULCRUM_DEFINE void ModelRepository::apart(const std::function<void()>& function) const {
  options_.quietly ? run_quietly(function) : function();
}

FULCRUM_DEFINE std::shared_ptr<ServedVersion> ModelRepository::make(const std::string& name,
                                                                    const std::string& version) const {
  const std::string model_folder = options_.folder + "/" + name;
  const std::string folder = model_folder + "/" + version;
  std::shared_ptr<ServedVersion> made;
  apart([&] {
    if (options_.check) options_.check(folder);
    ModelSettings settings = options_.defaults;
    for (const std::string& place : {model_folder, folder}) {
      const std::string path = place + "/config.json";
      std::error_code error;
      if (!std::filesystem::exists(path, error)) continue;
      try {
        settings = model_settings_from_json(read_json_file(path), settings);
      } catch (const Error& failure) {
        if (failure.where() == path) throw;
        throw Error(path + ": " + failure.where(), failure.problem(), failure.remedy());
      }
    }
    made = std::make_shared<ServedVersion>(name, version, import_onnx(folder + "/model.onnx"), settings,
                                           options_.executors);
  });
  static_cast<void>(made->start(options_.quietly));  // its threads are to have the priority of this one
  return made;
}

FULCRUM_DEFINE void ModelRepository::put(const std::string& name, std::shared_ptr<ServedVersion> made, bool publish) {
  const std::uint64_t number = *detail::version_number(made->version());
  const std::lock_guard lock(mutex_);
  failures_.erase({name, made->version()});
  Entry& entry = entries_[name];
  std::shared_ptr<ServedVersion>& place = entry.versions[number];
  if (place) retired_.push_back(std::move(place));
  place = std::move(made);
  if (!publish && entry.current) return;
  if (entry.current && *entry.current != number) entry.previous = entry.current;
  entry.current = number;
  // What neither serves nor is to be gone back to leaves, but for as many of the newest as the settings say.
  const auto keep = static_cast<std::size_t>(place->settings().versions);
  for (auto at = entry.versions.begin(); at != entry.versions.end();) {
    const bool kept = at->first == number || (options_.keep_previous && entry.previous == at->first) ||
                      static_cast<std::size_t>(std::distance(at, entry.versions.end())) <= keep;
    if (!kept) retired_.push_back(std::move(at->second));
    at = kept ? std::next(at) : entry.versions.erase(at);
  }
  if (entry.previous && !entry.versions.contains(*entry.previous)) entry.previous.reset();
}

FULCRUM_DEFINE void ModelRepository::load(const std::string& name, const std::string& version, bool publish) {
  const std::lock_guard loads(loading_);
  const std::vector<std::string> versions = versions_in_folder(name);
  if (versions.empty())
    throw RequestError(404, "model '" + name + "'", "is not in the folder of models",
                       "it lies at NAME/VERSION/model.onnx");
  if (!version.empty() && std::find(versions.begin(), versions.end(), version) == versions.end())
    throw RequestError(404, "model '" + name + "'", "has no version '" + version + "' in the folder of models");
  const std::string& wanted = version.empty() ? versions.back() : version;
  try {
    put(name, make(name, wanted), publish);
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    failures_[{name, wanted}] = error.what();
    throw;
  }
}

FULCRUM_DEFINE std::vector<std::string> ModelRepository::load_all() {
  std::vector<std::string> problems;
  for (const std::string& name : names()) {
    try {
      load(name);
      const int wanted = find(name)->settings().versions;
      std::vector<std::string> versions = versions_in_folder(name);
      versions.pop_back();
      for (int i = 1; i < wanted && !versions.empty(); ++i, versions.pop_back()) load(name, versions.back(), false);
    } catch (const std::exception& error) {
      const std::string why = error.what();
      problems.push_back(why.starts_with("model '") ? why : "model '" + name + "': " + why);
    }
  }
  return problems;
}

FULCRUM_DEFINE void ModelRepository::unload(const std::string& name, const std::string& version) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(name);
  if (entry == entries_.end() || entry->second.versions.empty())
    throw RequestError(404, "model '" + name.substr(0, 255) + "'", "is not loaded");
  auto& versions = entry->second.versions;
  if (version.empty()) {
    for (auto& [number, served] : versions) retired_.push_back(std::move(served));
    entries_.erase(entry);
    return;
  }
  const auto number = detail::version_number(version);
  const auto at = number ? versions.find(*number) : versions.end();
  if (at == versions.end())
    throw RequestError(404, "model '" + name + "'", "has no version '" + version.substr(0, 40) + "' loaded");
  retired_.push_back(std::move(at->second));
  versions.erase(at);
  if (versions.empty()) {
    entries_.erase(entry);
    return;
  }
  if (entry->second.previous == number) entry->second.previous.reset();
  if (entry->second.current == number) {
    entry->second.current = entry->second.previous ? *entry->second.previous : versions.rbegin()->first;
    entry->second.previous.reset();
  }
}

FULCRUM_DEFINE std::string ModelRepository::publish(const std::string& name, const std::string& version) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) throw RequestError(404, "model '" + name.substr(0, 255) + "'", "is not loaded");
  const auto number = version.empty() ? entry->second.previous : detail::version_number(version);
  if (!number || !entry->second.versions.contains(*number)) {
    throw RequestError(404, "model '" + name + "'",
                       version.empty() ? "has no version loaded to go back to"
                                       : "has no version '" + version.substr(0, 40) + "' loaded",
                       "load it");
  }
  if (*entry->second.current != *number) entry->second.previous = std::exchange(entry->second.current, number);
  return std::to_string(*number);
}

FULCRUM_DEFINE std::shared_ptr<ServedVersion> ModelRepository::find(const std::string& name,
                                                                    std::string_view version) const {
  {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(name);
    if (entry != entries_.end()) {
      const auto number = version.empty() ? entry->second.current : detail::version_number(version);
      const auto at = number ? entry->second.versions.find(*number) : entry->second.versions.end();
      if (at != entry->second.versions.end()) return at->second;
    }
  }
  const std::vector<std::string> there = versions_in_folder(name);
  const bool known = version.empty() ? !there.empty() : std::find(there.begin(), there.end(), version) != there.end();
  const std::string what = "model '" + name.substr(0, 255) + "'" +
                           (version.empty() ? "" : ", version '" + std::string(version.substr(0, 40)) + "'");
  if (known) throw RequestError(503, what, "is not loaded");
  throw RequestError(404, what, "is not here", "GET v2/repository/index lists what is");
}

FULCRUM_DEFINE bool ModelRepository::is_current(const ServedVersion& version) const {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(version.model());
  return entry != entries_.end() && entry->second.current == detail::version_number(version.version());
}

FULCRUM_DEFINE std::vector<std::shared_ptr<ServedVersion>> ModelRepository::loaded() const {
  std::vector<std::shared_ptr<ServedVersion>> result;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, entry] : entries_) {
    for (const auto& [number, version] : entry.versions) result.push_back(version);
  }
  return result;
}

FULCRUM_DEFINE std::vector<std::string> ModelRepository::loaded_versions(const std::string& name) const {
  std::vector<std::string> result;
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return result;
  for (const auto& [number, version] : entry->second.versions) result.push_back(std::to_string(number));
  return result;
}

FULCRUM_DEFINE void ModelRepository::retire(std::shared_ptr<WatchedRunner> runner) {
  const std::lock_guard lock(mutex_);
  if (runner) retired_runners_.push_back(std::move(runner));
}

FULCRUM_DEFINE bool ModelRepository::can_collect() const {
  const std::lock_guard lock(mutex_);
  const auto is_free = [](const auto& pointer) { return pointer.use_count() == 1; };
  return std::any_of(retired_.begin(), retired_.end(), is_free) ||
         std::any_of(retired_runners_.begin(), retired_runners_.end(), is_free);
}

FULCRUM_DEFINE void ModelRepository::collect() {
  std::vector<std::shared_ptr<ServedVersion>> versions;  // destroyed without the lock: their instances are waited for
  std::vector<std::shared_ptr<WatchedRunner>> runners;
  {
    const std::lock_guard lock(mutex_);
    const auto take_free = [](auto& from, auto& to) {
      for (auto& pointer : from) {
        if (pointer.use_count() == 1) to.push_back(std::move(pointer));
      }
      std::erase_if(from, [](const auto& pointer) { return !pointer; });
    };
    take_free(retired_, versions);
    take_free(retired_runners_, runners);
  }
  if (versions.empty() && runners.empty()) return;
  apart([&] {  // many pages go back to the system
    versions.clear();
    runners.clear();
  });
}

}  // namespace fulcrum
