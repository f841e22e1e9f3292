#include <fulcrum/core/linkage.hpp>

#include <string_view>

#include <support/catch.hpp>

#define FULCRUM_TEXT_OF(macro) FULCRUM_TEXT(macro)
#define FULCRUM_TEXT(...) #__VA_ARGS__

TEST_CASE("a program has the definitions in every source, or declares them and one source of it defines them") {
  constexpr std::string_view declaration = FULCRUM_TEXT_OF(FULCRUM_DECLARE);
#ifdef FULCRUM_COMPILED
  CHECK(declaration.empty());
#define FULCRUM_DEFINES_here 1
#if FULCRUM_DEFINES(core)
  FAIL("they are in a library that the tests link");
#endif
#if !FULCRUM_DEFINES(here) || !FULCRUM_INSTANTIATES(here)
  FAIL("a source of the library says which folders it defines");
#endif
#else
  CHECK(declaration == "template <class = void>");
#if !FULCRUM_DEFINES(core) || FULCRUM_INSTANTIATES(core)
  FAIL("every source defines what it calls");
#endif
#endif
}
