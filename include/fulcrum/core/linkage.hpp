#pragma once
/// \file
/// How the few functions with most of the code behind them are linked.
///
/// By themselves the headers are all there is: these functions are inline, like everything else. A project of many
/// sources may have them compiled once instead: FULCRUM_COMPILED defined for all of it, and FULCRUM_DEFINITIONS besides
/// in one source that includes the umbrella headers it uses. A header declares such a function with FULCRUM_LINKAGE and
/// includes its definition at its end where FULCRUM_DEFINES is 1.

#ifdef FULCRUM_COMPILED
#define FULCRUM_LINKAGE
#else
#define FULCRUM_LINKAGE inline
#endif

#if defined(FULCRUM_COMPILED) && !defined(FULCRUM_DEFINITIONS)
#define FULCRUM_DEFINES 0
#else
#define FULCRUM_DEFINES 1
#endif
