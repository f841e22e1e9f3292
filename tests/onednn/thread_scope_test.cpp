#include <fulcrum/onednn/thread_scope.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("a scope sets how many threads there are and gives back what was") {
  const int before = detail::fulcrum_omp_get_max_threads();
  {
    const detail::ThreadScope three(3);
    CHECK(detail::fulcrum_omp_get_max_threads() == 3);
    {
      const detail::ThreadScope one(1);
      CHECK(detail::fulcrum_omp_get_max_threads() == 1);
    }
    CHECK(detail::fulcrum_omp_get_max_threads() == 3);
  }
  CHECK(detail::fulcrum_omp_get_max_threads() == before);
  CHECK_THROWS_AS(detail::ThreadScope(0), Error);
}
