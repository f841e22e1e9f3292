#include <fulcrum/core/environment.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("environments are equal when everything behind a figure is") {
  Environment a;
  a.cpu = "some CPU";
  a.cores = 2;
  a.affinity = {0, 1};
  a.versions["oneDNN"] = "2.6.3";
  Environment b = a;
  CHECK(a == b);
  b.versions["oneDNN"] = "3.7.0";
  CHECK_FALSE(a == b);
  b = a;
  b.cpu_quota = 1.5;
  CHECK_FALSE(a == b);
}

TEST_CASE("a default environment claims nothing") {
  const Environment unknown;
  CHECK(unknown.cores == 0);
  CHECK(unknown.cpu_quota == 0.0);
  CHECK(unknown.versions.empty());
}
