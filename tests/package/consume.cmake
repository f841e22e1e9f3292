cmake_minimum_required(VERSION 3.25)
# One step of the package test: installs into a prefix of its own, or configures, builds and runs one consumer.
#
#   cmake -DSTEP=<install|installed|compiled|core_only|subproject|fetched|grpc|pkg_config|debian> -DSOURCE= -DBUILD= -DTREE=
#         -DGENERATOR= -DCOMPILER= [-DPREFIX=<where it is installed already>] -P consume.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    string(JOIN " " command ${ARGN})
    message(FATAL_ERROR "${command}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

set(prefix ${TREE}/prefix)
if(PREFIX)
  set(prefix ${PREFIX})
endif()
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
if(STEP STREQUAL "debian")
  # The packages as debian/ builds them, from what they are said to need and nothing else, unpacked and used.
  # Not optimized, which takes a third of the time.
  foreach(part IN ITEMS CMakeLists.txt LICENSE cmake debian include tools)
    file(COPY ${SOURCE}/${part} DESTINATION ${consumer}/fulcrum)
  endforeach()
  run(${CMAKE_COMMAND} -E env "DEB_BUILD_OPTIONS=nocheck noopt noautodbgsym parallel=2" dpkg-buildpackage -us -uc -b
      WORKING_DIRECTORY ${consumer}/fulcrum)
  foreach(package IN ITEMS fulcrum libfulcrum-dev)
    file(GLOB file ${consumer}/${package}_*.deb)
    run(dpkg-deb --extract ${file} ${consumer}/root)
  endforeach()
  run(${consumer}/root/usr/bin/fulcrum zoo)
  foreach(step IN ITEMS compiled core_only pkg_config)
    run(${CMAKE_COMMAND} -DSTEP=${step} -DSOURCE=${SOURCE} -DTREE=${consumer}/consumers -DGENERATOR=${GENERATOR}
        -DCOMPILER=${COMPILER} -DPREFIX=${consumer}/root/usr -P ${CMAKE_CURRENT_LIST_FILE})
  endforeach()
  return()
endif()
if(STEP STREQUAL "pkg_config")
  # Without CMake: what pkg-config says is all that a compiler needs.
  find_program(pkg_config NAMES pkg-config pkgconf REQUIRED)
  run(${CMAKE_COMMAND} -E env PKG_CONFIG_PATH=${prefix}/share/pkgconfig ${pkg_config} --cflags --libs fulcrum)
  string(STRIP "${output}" flags)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  file(MAKE_DIRECTORY ${consumer})
  run(${COMPILER} -O0 ${CMAKE_CURRENT_LIST_DIR}/core_only/main.cpp ${flags} -o ${consumer}/consumer)
  run(${consumer}/consumer)
  return()
endif()
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/${STEP} -B ${consumer} -G ${GENERATOR}
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0
    -DCMAKE_PREFIX_PATH=${prefix} -DFULCRUM_SOURCE=${SOURCE})
run(${CMAKE_COMMAND} --build ${consumer})
run(${consumer}/consumer)
message(NOTICE "${output}")
