#pragma once
/// \file
/// Stands in for the library's own header where each header is compiled alone (headers.cmake): a folder's definitions
/// are seen where FULCRUM_DEFINES_folder is 1, and as the templates that they are with the headers alone. So a header
/// is compiled with the definitions of its own folder and the declarations of the others, of which it sees no more when
/// it is compiled in the library.

#include <fulcrum/core/language.hpp>

#define FULCRUM_DECLARE template <class = void>
#define FULCRUM_DEFINE template <class>
#define FULCRUM_LINKAGE
#define FULCRUM_DEFINES(folder) FULCRUM_DEFINES_##folder
#define FULCRUM_INSTANTIATES(folder) 0
