# Settings for our own executables only; nothing here reaches those who use the library.
if(NOT FULCRUM_WITH_ONEDNN OR NOT FULCRUM_WITH_ONNX)
  message(FATAL_ERROR "the tool, the tests, the examples and the benchmarks need FULCRUM_WITH_ONEDNN and FULCRUM_WITH_ONNX; "
                      "turn off FULCRUM_BUILD_TOOL, _TESTS, _EXAMPLES and _BENCHMARKS to build without them")
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
include(GNUInstallDirs)

add_library(fulcrum_development INTERFACE)
target_compile_options(fulcrum_development INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(FULCRUM_SANITIZE)
  target_compile_options(fulcrum_development INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all
                                                       -fno-omit-frame-pointer
                                                       -Wno-maybe-uninitialized)  # g++ is known to be wrong here
  target_link_options(fulcrum_development INTERFACE -fsanitize=address,undefined)
endif()
