#pragma once
/// \file
/// What Fulcrum needs of the compiler, said in one sentence by whichever header comes first. Compiling stops there:
/// what follows would be hundreds of errors that say nothing more.

#if defined(_MSVC_LANG) ? _MSVC_LANG < 202002L : __cplusplus < 202002L
#error "Fulcrum needs C++20: compile with -std=c++20, or in CMake target_compile_features(TARGET PRIVATE cxx_std_20)."
#include <fulcrum/stops_here>
#endif

#ifndef __cpp_exceptions
#error "Fulcrum reports errors by exceptions: compile without -fno-exceptions."
#include <fulcrum/stops_here>
#endif

// With these options comparisons with NaN and infinity may be taken for granted, so that a bad threshold or a diverged
// training would pass every check.
#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "Fulcrum checks for NaN and infinity: compile without -ffast-math, -Ofast and -ffinite-math-only."
#include <fulcrum/stops_here>
#endif
