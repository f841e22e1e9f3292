#include <fulcrum/plan/study_keeper.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("contents that differ in a byte, or in where a text ends, have other hashes") {
  const auto of = [](const std::string& a, const std::string& b) {
    detail::ContentHash hash;
    hash.add(a);
    hash.add(b);
    return hash.text();
  };
  CHECK(of("ab", "c") == of("ab", "c"));
  CHECK(of("ab", "c") != of("a", "bc"));
  CHECK(of("ab", "c") != of("ab", "d"));
  detail::ContentHash empty;
  CHECK(empty.text() == "cbf29ce484222325");  // the offset basis of FNV-1a
}

TEST_CASE("a keeper without functions keeps nothing") {
  CHECK_FALSE(StudyKeeper{});
  StudyKeeper keeper;
  keeper.open = [](const StudyIdentity&) {};
  CHECK(keeper);
}
