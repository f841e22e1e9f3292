#include "profile_argument.hpp"

#include <cstdlib>
#include <filesystem>

#include <fulcrum/calibrate/calibrate.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/report/progress_bar.hpp>

#include "command.hpp"

using namespace fulcrum;

std::string default_profile_path() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return std::string(cache) + "/fulcrum/profile.json";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return std::string(home) + "/.cache/fulcrum/profile.json";
  throw Error("the machine profile", "has no place to be kept: neither XDG_CACHE_HOME nor HOME is set",
              "give one with --profile");
}

void make_parent_folder(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) return;
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure)
    throw Error("'" + folder.string() + "'", "cannot be created: " + failure.message(), "choose another folder");
}

MachineProfile profile_for_this_machine(const std::string& path) {
  const Environment here = onednn_environment();
  if (!path.empty()) {
    MachineProfile profile = load_profile(path);
    check_profile_matches(profile, here);
    return profile;
  }
  const std::string kept = default_profile_path();
  if (std::filesystem::exists(kept)) {
    try {
      MachineProfile profile = load_profile(kept);
      check_profile_matches(profile, here);
      return profile;
    } catch (const Error& error) {
      remark(error.what());
    }
  }
  make_parent_folder(kept);  // before a minute of work, not after
  check_writable(kept);
  const CalibrateOptions options;
  remark("this machine has no profile yet: calibrating it once, for about " +
         std::to_string(static_cast<int>(options.budget.count())) + " s, to be kept in " + kept);
  ProgressBar bar;
  MachineProfile profile = calibrate(options, bar.sink());
  save_profile(profile, kept);
  return profile;
}
