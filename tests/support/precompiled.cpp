// The one source that makes the precompiled header: CMake needs one to share it with the test executables.
#include <support/precompiled.hpp>
