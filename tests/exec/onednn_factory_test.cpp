#include <fulcrum/exec/onednn_factory.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("oneDNN's instances are executors of one compiled model") {
  const Model<float> model = ModelBuilder<float>("m").input({3, 8, 8}).conv(4, 3).relu().build();
  const auto compiled = OnednnModel::compile(model, {.batch = 8, .threads = 2, .slice = 2});
  const PreparedModel prepared = prepared_model(compiled);
  CHECK(prepared.openmp_threads == 2);
  CHECK(prepared.memory == compiled->memory());
  CHECK(prepared.schedule->slices.count == 4);
  CHECK(prepared.notes == compiled->notes());
  const long before = compiled.use_count();
  const AnyExecutor a = prepared.instance();
  const AnyExecutor b = prepared.instance();
  CHECK(compiled.use_count() == before + 2);
  CHECK(a.src_shapes() == compiled->src_shapes());
  CHECK(b.steps().size() == compiled->steps().size());
}

TEST_CASE("the factory refuses what cannot be compiled") {
  const Model<float> model = ModelBuilder<float>("m").input({4}).dense(2).build();
  CHECK_THROWS_WITH(onednn_executors()(model, {.precision = Precision::int8}), ContainsSubstring("int8"));
}
