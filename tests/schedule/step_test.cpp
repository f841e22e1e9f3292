#include <fulcrum/schedule/step.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("every kernel class has a name of its own that leads back to it") {
  for (const KernelClass kernel : all_kernel_classes) CHECK(kernel_class_from(name_of(kernel)) == kernel);
  CHECK_THROWS_WITH(kernel_class_from("attention"), ContainsSubstring("attention"));
}

TEST_CASE("a step's bytes are those of its sources, weights and result") {
  Step step;
  step.src_bytes = 1.0;
  step.weight_bytes = 2.0;
  step.dst_bytes = 4.0;
  CHECK(step.bytes() == 7.0);
}
