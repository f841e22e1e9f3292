cmake_minimum_required(VERSION 3.25)
# One step of the package test: installs into a prefix of its own, or configures, builds and runs one consumer.
#
#   cmake -DSTEP=<install|installed|compiled|core_only|subproject> -DSOURCE= -DBUILD= -DTREE= -DGENERATOR= -DCOMPILER= -P consume.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    string(JOIN " " command ${ARGN})
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(prefix ${TREE}/prefix)
if(STEP STREQUAL "install")
  file(REMOVE_RECURSE ${prefix})
  foreach(component IN ITEMS headers compiled)
    run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix} --component ${component})
  endforeach()
  foreach(file IN ITEMS include/fulcrum/fulcrum.hpp share/cmake/fulcrum/fulcrum-config.cmake)
    if(NOT EXISTS ${prefix}/${file})
      message(FATAL_ERROR "${file} was not installed")
    endif()
  endforeach()
  return()
endif()

set(consumer ${TREE}/${STEP})
file(REMOVE_RECURSE ${consumer})
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/${STEP} -B ${consumer} -G ${GENERATOR}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0
    -DCMAKE_PREFIX_PATH=${prefix} -DFULCRUM_SOURCE=${SOURCE})
run(${CMAKE_COMMAND} --build ${consumer})
run(${consumer}/consumer)
message(NOTICE "${output}")
