#pragma once

#include <string>

#include <fulcrum/cost/machine_profile.hpp>

/// Where a profile is kept when no path is given: $XDG_CACHE_HOME/fulcrum/profile.json, or ~/.cache/….
[[nodiscard]] std::string default_profile_path();

/// Creates the folder that will hold a file.
void make_parent_folder(const std::string& path);

/// The profile to predict with. A path that is given must hold a profile of this machine. Without one the profile kept
/// in the default place is used; when there is none yet, or it is another machine's, this machine is calibrated once
/// (with a remark) and the profile kept there.
[[nodiscard]] fulcrum::MachineProfile profile_for_this_machine(const std::string& path);
