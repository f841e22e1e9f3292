cmake_minimum_required(VERSION 3.25)
# A source must compile as it stands and must not with MUST_FAIL defined, with the words its first lines ask for:
#
#   // expect: <regular expression>        one or more, all must match what the compiler says
#   // options: <options>                  of the compiler beside MUST_FAIL; and nothing but the expected may be said
#
#   cmake -DSOURCE=<file> -P check.cmake -- <compiler and options ...>
set(command "")
set(after_dashes FALSE)
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE 0 ${last})
  if(after_dashes)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif(CMAKE_ARGV${i} STREQUAL "--")
    set(after_dashes TRUE)
  endif()
endforeach()

execute_process(COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C ${command} -fsyntax-only ${SOURCE}
                RESULT_VARIABLE result ERROR_VARIABLE said OUTPUT_VARIABLE said)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "without MUST_FAIL it should compile:\n${said}")
endif()

file(STRINGS ${SOURCE} options REGEX "^// options: ")
string(REPLACE "// options: " "" options "${options}")
separate_arguments(options UNIX_COMMAND "${options}")
execute_process(COMMAND ${CMAKE_COMMAND} -E env LC_ALL=C ${command} ${options} -fsyntax-only -DMUST_FAIL ${SOURCE}
                RESULT_VARIABLE result ERROR_VARIABLE said OUTPUT_VARIABLE said)
if(result EQUAL 0)
  message(FATAL_ERROR "with MUST_FAIL it compiles")
endif()

file(STRINGS ${SOURCE} expectations REGEX "^// expect: ")
if(NOT expectations)
  message(FATAL_ERROR "says nothing about what it expects")
endif()
# Only the compiler's own sentences count, not the source lines it quotes.
string(REGEX MATCHALL "(error|note): [^\n]*" sentences "${said}")
foreach(expectation IN LISTS expectations)
  string(REPLACE "// expect: " "" expectation "${expectation}")
  if(NOT "${sentences}" MATCHES "${expectation}")
    message(SEND_ERROR "no sentence matches: ${expectation}\n${said}")
  endif()
endforeach()

# A guard stops the compiler: its sentence and the include that is not there.
string(REGEX MATCHALL "error: " errors "${said}")
list(LENGTH errors count)
if(options AND count GREATER 2)
  message(SEND_ERROR "${count} errors are said beside the expected:\n${said}")
endif()
