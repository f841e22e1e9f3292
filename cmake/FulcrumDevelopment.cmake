# Settings for our own executables only; nothing here reaches those who use the library.
if(NOT FULCRUM_BUILD_COMPILED)
  message(FATAL_ERROR "the tool, the tests, the examples and the benchmarks need FULCRUM_BUILD_COMPILED; "
                      "turn off FULCRUM_BUILD_TOOL, _TESTS, _EXAMPLES and _BENCHMARKS to build without it")
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
include(GNUInstallDirs)

add_library(fulcrum_development INTERFACE)
target_compile_options(fulcrum_development INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(FULCRUM_SANITIZE)
  if(FULCRUM_SANITIZE STREQUAL "thread")
    set(sanitizers -fsanitize=thread)
    # Fences are what it does not understand; Asio has them beside its locks only.
    target_compile_definitions(fulcrum_development INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      target_compile_options(fulcrum_development INTERFACE -Wno-tsan)
    endif()
  else()
    # Left out is what AddressSanitizer finds as well (null, object-size), what the code has none of (vptr), and checks
    # of alignment; together they double the time to compile. Conversions of floats past an integer's range are not part
    # of "undefined" and come on top: quantization is full of them.
    set(sanitizers -fsanitize=address,undefined,float-cast-overflow -fno-sanitize=null,object-size,vptr,alignment
                   -fno-sanitize-recover=all)
  endif()
  target_compile_options(fulcrum_development INTERFACE ${sanitizers} -fno-omit-frame-pointer)
  target_link_options(fulcrum_development INTERFACE ${sanitizers})
  target_compile_definitions(fulcrum_development INTERFACE _GLIBCXX_ASSERTIONS)  # the standard library's own checks
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(fulcrum_development INTERFACE -Wno-maybe-uninitialized)  # known to be wrong beside sanitizers
  endif()
endif()

# The library's own sources keep the rules of the development targets.
target_link_libraries(fulcrum_compiled PRIVATE $<BUILD_INTERFACE:fulcrum_development>)

if(FULCRUM_SANITIZE)
  # What only arranges work takes no time in a test and compiles twice as fast unoptimized; what computes would take minutes.
  set(arranging loading measuring onnx_export onnx_import prediction reports serving)
  list(TRANSFORM arranging REPLACE "(.+)" "${PROJECT_SOURCE_DIR}/cmake/definitions/\\1.cpp")
  set_source_files_properties(${arranging} TARGET_DIRECTORY fulcrum_compiled PROPERTIES COMPILE_OPTIONS -O0)
endif()
