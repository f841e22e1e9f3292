#pragma once
/// \file
/// A folder of models and their versions, and those that are loaded.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/serve/model_settings.hpp>
#include <fulcrum/serve/request_error.hpp>
#include <fulcrum/serve/served_version.hpp>

namespace fulcrum {

/// What a repository is made of.
struct RepositoryOptions {
  std::string folder{};         ///< of NAME/VERSION/model.onnx, versions being numbers
  ModelSettings defaults{};     ///< of models whose config.json does not say
  ExecutorFactory executors{};  ///< what runs the models; empty: oneDNN's
  bool quietly = true;          ///< load and free at the lowest priority of the system, beside what is being served
  bool keep_previous = true;    ///< the version before stays loaded, so that going back to it takes no time
  /// Called before a version is read, with the folder it is in; throws an Error when it may not be loaded.
  std::function<void(const std::string& version_folder)> check{};
};

/// A version as the repository extension lists it.
struct VersionStatus {
  std::string name;
  std::string version;  ///< empty: the model has none that could be read
  bool ready = false;
  bool current = false;  ///< takes the requests that name no version
  std::string reason{};  ///< why it is not ready
};

/// The models of a folder. A model's settings are those of NAME/config.json, and of NAME/VERSION/config.json before
/// them. Loading a version compiles it beside what is being served, warms it up, and only then puts it in the place of
/// the one before, which finishes what it has; if anything fails, the one before goes on.
///
/// Any thread may look things up; loads wait for one another.
class ModelRepository {
public:
  /// \throws Error when there is no such folder
  FULCRUM_DECLARE explicit ModelRepository(RepositoryOptions options);
  ModelRepository(const ModelRepository&) = delete;
  ModelRepository& operator=(const ModelRepository&) = delete;
  FULCRUM_LINKAGE ~ModelRepository();

  /// Names of the folder's models, whether loaded or not.
  FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> names() const;
  /// Numbers of a model's versions in the folder, ascending.
  FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> versions_in_folder(const std::string& name) const;
  FULCRUM_DECLARE [[nodiscard]] std::vector<VersionStatus> index() const;

  /// Loads what the folder has: of each model the newest versions.
  /// \return one sentence for each model that could not be loaded
  FULCRUM_DECLARE std::vector<std::string> load_all();

  /// Loads a version, anew where it is loaded already, and gives it the requests that name none.
  /// \param version  empty: the newest
  /// \param publish  false: only requests that name it get it
  /// \throws RequestError when there is no such model or version; Error when it is refused or cannot run
  FULCRUM_DECLARE void load(const std::string& name, const std::string& version = {}, bool publish = true);

  /// Takes a model, or one version of it, out of service; requests that it has are finished.
  /// \throws RequestError when it is not loaded
  FULCRUM_DECLARE void unload(const std::string& name, const std::string& version = {});

  /// Gives the requests that name no version to a loaded one.
  /// \param version  empty: the one that had them before
  /// \return the version that has them now
  /// \throws RequestError when there is none
  FULCRUM_DECLARE std::string publish(const std::string& name, const std::string& version = {});

  /// \param version  empty: the one that takes requests which name none
  /// \throws RequestError of status 404 when the folder has no such thing, 503 when it is not loaded
  FULCRUM_DECLARE [[nodiscard]] std::shared_ptr<ServedVersion> find(const std::string& name,
                                                                    std::string_view version = {}) const;

  /// Whether it takes the requests that name no version.
  FULCRUM_DECLARE [[nodiscard]] bool is_current(const ServedVersion& version) const;
  /// All versions that are loaded.
  FULCRUM_DECLARE [[nodiscard]] std::vector<std::shared_ptr<ServedVersion>> loaded() const;
  /// Of one model, ascending.
  FULCRUM_DECLARE [[nodiscard]] std::vector<std::string> loaded_versions(const std::string& name) const;

  /// Frees what was taken out of service and has no more requests, and waits until it is gone; to be called now and
  /// then.
  FULCRUM_DECLARE void collect();
  /// Whether there is something to free.
  FULCRUM_DECLARE [[nodiscard]] bool can_collect() const;
  /// Keeps a runner until its requests are done.
  FULCRUM_DECLARE void retire(std::shared_ptr<WatchedRunner> runner);

private:
  struct Entry {
    std::map<std::uint64_t, std::shared_ptr<ServedVersion>> versions;
    std::optional<std::uint64_t> current, previous;
  };
  FULCRUM_DECLARE [[nodiscard]] std::shared_ptr<ServedVersion> make(const std::string& name,
                                                                    const std::string& version) const;
  /// Runs it as quietly as the options say, and waits for it.
  FULCRUM_DECLARE void apart(const std::function<void()>& function) const;
  FULCRUM_DECLARE void put(const std::string& name, std::shared_ptr<ServedVersion> made, bool publish);

  RepositoryOptions options_;
  std::mutex loading_;
  mutable std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::pair<std::string, std::string>, std::string> failures_;  // of a name and version: why
  std::vector<std::shared_ptr<ServedVersion>> retired_;
  std::vector<std::shared_ptr<WatchedRunner>> retired_runners_;
};

/// Whether a text can be the name of a model: letters, digits, '.', '_' and '-', not beginning with '.'.
FULCRUM_DECLARE [[nodiscard]] bool is_model_name(std::string_view name) noexcept;

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)
#include <fulcrum/serve/detail/repository_definitions.hpp>
#endif
