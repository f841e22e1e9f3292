cmake_minimum_required(VERSION 3.25)
# Checks that each header compiles alone, without a warning, and that including it a second time changes nothing. Prints
# what the compiler says of those that do not.
#
#   cmake -DROOT=<repository> -DHEADERS=<header,...> [-DFOLDER=<folder>] -DINCLUDES=<folder,...>
#         -P headers.cmake -- <compiler> <flag> ...
#
# With a FOLDER, headers are seen with that folder's definitions and without the others' (own_folder/): half as much to
# compile, and no header lives on what another folder's definitions include. Without one, with all, as users see them.
set(command "")
set(definitions "")
set(after_dashes FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE 0 ${last})
  if(after_dashes)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(after_dashes TRUE)
  endif()
endforeach()

# Warnings of our own headers count, those of others do not.
if(FOLDER)
  list(APPEND command -I${CMAKE_CURRENT_LIST_DIR}/own_folder)
  file(GLOB_RECURSE sources ${ROOT}/include/fulcrum/${FOLDER}/*.hpp)
  foreach(source IN LISTS sources)  # a folder's definitions may go by more names than its own
    file(STRINGS ${source} guards REGEX "^#if FULCRUM_DEFINES\\(")
    foreach(guard IN LISTS guards)
      string(REGEX REPLACE ".*\\(([a-z_]+)\\).*" "-DFULCRUM_DEFINES_\\1=1" definition "${guard}")
      list(APPEND definitions ${definition})
    endforeach()
  endforeach()
  list(REMOVE_DUPLICATES definitions)
  list(APPEND command ${definitions})
endif()
list(APPEND command -I${ROOT}/include)
string(REPLACE "," ";" folders "${INCLUDES}")
list(REMOVE_ITEM folders ${ROOT}/include /usr/include)
list(TRANSFORM folders PREPEND -isystem)
list(APPEND command ${folders})

string(REPLACE "," ";" headers "${HEADERS}")
foreach(header IN LISTS headers)
  execute_process(COMMAND ${command} -fsyntax-only -x c++ -include ${header} -include ${header} /dev/null
                  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    message(SEND_ERROR "${header} does not compile alone:\n${output}")
  endif()
endforeach()
list(LENGTH headers count)
if(count EQUAL 0)
  message(FATAL_ERROR "no header to check")
endif()
message(NOTICE "${count} headers compile alone")
