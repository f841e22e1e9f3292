#pragma once
/// \file
/// How functions are linked: in every source that calls them, or once in a library.
///
/// By themselves the headers are all there is. A project that compiles many sources links the target fulcrum::compiled
/// instead, which defines FULCRUM_COMPILED: headers then only declare what has real code behind it, and the library
/// holds the definitions. Either way a header has both, the declarations first:
///
///     /// What it does.
///     FULCRUM_DECLARE [[nodiscard]] Answer ask(const Question& question, int patience = 1);
///
///     #if FULCRUM_DEFINES(exec)  // the folder
///     #include <what/only/definitions/need.hpp>
///     FULCRUM_DEFINE Answer ask(const Question& question, int patience) { … }
///     #endif
///
/// FULCRUM_DECLARE stands before everything else, attributes included. Without the library it makes the function a
/// template, of nothing: unlike an inline function, it brings nothing into a source that does not call it. What cannot
/// be a template (special members) is FULCRUM_LINKAGE instead. Function templates on a model's scalar type need none of
/// the three; the library instantiates them where FULCRUM_INSTANTIATES(folder) is 1.
///
/// A source of the library defines FULCRUM_DEFINES_folder as 1 for each folder whose definitions it holds.

#include <fulcrum/core/language.hpp>

#ifdef FULCRUM_COMPILED
#define FULCRUM_DECLARE
#define FULCRUM_DEFINE
#define FULCRUM_LINKAGE
#define FULCRUM_DEFINES(folder) FULCRUM_DEFINES_##folder
#define FULCRUM_INSTANTIATES(folder) FULCRUM_DEFINES_##folder
#else
#define FULCRUM_DECLARE template <class = void>
#define FULCRUM_DEFINE template <class>
#define FULCRUM_LINKAGE inline
#define FULCRUM_DEFINES(folder) 1
#define FULCRUM_INSTANTIATES(folder) 0
#endif
