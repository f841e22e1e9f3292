#include <fulcrum/core/linkage.hpp>

#include <string_view>

#include <support/catch.hpp>

#define FULCRUM_TEXT_OF(macro) FULCRUM_TEXT(macro)
#define FULCRUM_TEXT(...) #__VA_ARGS__

TEST_CASE("a program has the definitions inline, or declares them and one source of it defines them") {
  constexpr std::string_view linkage = FULCRUM_TEXT_OF(FULCRUM_LINKAGE);
#ifdef FULCRUM_COMPILED
  CHECK(linkage.empty());
  CHECK(FULCRUM_DEFINES == 0);  // they are in a library that the tests link
#else
  CHECK(linkage == "inline");
  CHECK(FULCRUM_DEFINES == 1);
#endif
}
