cmake_minimum_required(VERSION 3.25)
# The rules the headers keep, checked by reading them:
#
#   cmake -DROOT=<folder with include/ and tests/> -P rules.cmake
#
# Prints every breach as "<header>: <what is wrong>" and fails if there is one.

# Includes go one way: to the own folder or to one of a lower rank.
set(rank_core 0)
set(rank_tensor 1)
set(rank_layers 2)
set(rank_model 3)
set(rank_analysis 4)
set(rank_onnx 5)
set(rank_data 5)
set(rank_zoo 5)
set(rank_passes 6)
set(rank_run 7)
set(rank_schedule 8)
set(rank_cost 9)
set(rank_onednn 10)
set(rank_exec 11)
set(rank_train 12)
set(rank_measure 12)
set(rank_calibrate 13)
set(rank_load 14)
set(rank_validate 14)
set(rank_plan 15)
set(rank_report 16)
set(rank_serve 16)
set(rank_grpc 17)

# Folders inside a folder are its own affair, but for these.
set(shared_folders layers/kernels)

# What may be included only in some folders: a regular expression, then the folders.
set(restricted_headers
  "dnnl" "onednn exec train"
  "(onnx|google/protobuf)/" "onnx"
  "nlohmann/" "passes run cost calibrate load validate plan report serve"
  "boost/" "load serve"
  "openssl/" "serve"
  "(grpcpp/|open_inference)" "grpc"
  "(CLI|catch2|benchmark)/" "none"
  "(iostream|regex|random)$" "none")

set(breaches 0)
function(breach header what)
  message(NOTICE "${header}: ${what}")
  math(EXPR count "${breaches} + 1")
  set(breaches ${count} PARENT_SCOPE)
endfunction()

# A folder that is gone takes its place in the order with it.
get_cmake_property(variables VARIABLES)
foreach(variable IN LISTS variables)
  if(variable MATCHES "^rank_(.+)$")
    if(NOT IS_DIRECTORY ${ROOT}/include/fulcrum/${CMAKE_MATCH_1})
      breach(rules.cmake "has a place for a folder '${CMAKE_MATCH_1}', which does not exist")
    endif()
  endif()
endforeach()

file(GLOB_RECURSE headers RELATIVE ${ROOT}/include/fulcrum ${ROOT}/include/fulcrum/*.hpp)
list(LENGTH headers header_count)
foreach(header IN LISTS headers)
  # Lists of lines would break at semicolons and brackets, so the text is searched as a whole.
  file(READ ${ROOT}/include/fulcrum/${header} text)
  string(REGEX MATCH "^([a-z0-9_]+)/" folder "${header}")
  set(folder "${CMAKE_MATCH_1}")  # empty: an umbrella header
  if(folder AND NOT DEFINED rank_${folder})
    breach(${header} "is in a folder '${folder}' that has no place in the order")
    continue()
  endif()

  string(REGEX MATCHALL "#include [<\"][^>\"\n]+[>\"]" includes "${text}")
  foreach(include IN LISTS includes)
    if(include MATCHES "\"")
      breach(${header} "has a relative include: ${include}")
      continue()
    endif()
    string(REGEX REPLACE "#include <(.*)>" "\\1" target "${include}")
    if(target STREQUAL "fulcrum/stops_here")  # which is not there: where compiling is to end (core/language.hpp)
      continue()
    endif()
    if(target MATCHES "^fulcrum/([a-z0-9_]+)/")
      set(other ${CMAKE_MATCH_1})
      if(NOT DEFINED rank_${other})
        breach(${header} "includes ${target}, whose folder has no place in the order")
      elseif(folder AND NOT other STREQUAL folder AND NOT rank_${other} LESS rank_${folder})
        breach(${header} "includes ${target}: ${folder} must not know of ${other}")
      elseif(folder AND NOT other STREQUAL folder AND target MATCHES "^fulcrum/([a-z0-9_]+/[a-z0-9_]+)/")
        set(inner ${CMAKE_MATCH_1})
        if(NOT inner IN_LIST shared_folders)
          breach(${header} "includes ${target}, which is private to ${other}")
        endif()
      endif()
    elseif(target MATCHES "^fulcrum/" AND folder)
      breach(${header} "includes the umbrella header ${target}")
    endif()
    set(rules ${restricted_headers})
    while(rules)
      list(POP_FRONT rules pattern folders)
      string(REPLACE " " ";" folders "${folders}")
      if(target MATCHES "^${pattern}" AND NOT folder IN_LIST folders)
        breach(${header} "includes <${target}>, which has no place in '${folder}'")
      endif()
    endwhile()
  endforeach()

  if(NOT text MATCHES "^#pragma once\n/// \\\\file\n///")
    breach(${header} "does not start with #pragma once and a \\file comment")
  endif()
  if(text MATCHES "\n *///[^\n]*[^ \n/`(<][^\n]* (\\\\(param|tparam|throws|return)[^\n]*)")
    breach(${header} "has a tag within a line, after which documentation does not look for one: ${CMAKE_MATCH_1}")
  endif()
  if(text MATCHES "\nusing namespace ")
    breach(${header} "has a using-directive that everybody who includes it gets")
  endif()
  if(text MATCHES "DNNL_VERSION_M" AND NOT header STREQUAL "onednn/adapter.hpp")
    breach(${header} "asks for oneDNN's version; onednn/adapter.hpp is where versions differ")
  endif()
  string(REGEX MATCHALL "\n" lines "${text}")
  list(LENGTH lines line_count)
  if(line_count GREATER 500)
    breach(${header} "has ${line_count} lines; split it before 500")
  endif()

  if(NOT header MATCHES "^[a-z0-9_]+/[a-z0-9_]+/")
    string(REGEX REPLACE "\\.hpp$" "_test.cpp" test ${header})
    if(NOT EXISTS ${ROOT}/tests/${test})
      breach(${header} "has no test at tests/${test}")
    endif()
  endif()
endforeach()

if(header_count EQUAL 0)
  message(FATAL_ERROR "no header under ${ROOT}/include/fulcrum")
endif()
if(breaches)
  message(FATAL_ERROR "${breaches} breaches in ${header_count} headers")
endif()
message(NOTICE "${header_count} headers keep the rules")
