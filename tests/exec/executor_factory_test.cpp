#include <fulcrum/exec/executor_factory.hpp>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>
#include <support/own_executor.hpp>

using namespace fulcrum;

namespace {
Model<float> named_after_four() { return ModelBuilder<float>("four").input({4}).relu().build(); }
}  // namespace

TEST_CASE("a function that makes an executor is a factory: it is called for each instance") {
  int made = 0;
  const ExecutorFactory factory = [&](const Model<float>& model, const RunConfig& config) {
    ++made;
    CHECK(model.name() == "four");
    return test::SumExecutor(config.batch, 4);
  };
  const PreparedModel prepared = factory(named_after_four(), {.batch = 3});
  CHECK(made == 0);
  CHECK(prepared.instance().src_shapes().front() == Shape{3, 4});
  CHECK(prepared.instance().dst_shapes().front() == Shape{3, 1});
  CHECK(made == 2);
  CHECK(prepared.openmp_threads == 0);
}

TEST_CASE("a function that prepares a model is a factory: it is called once") {
  int prepared_models = 0;
  const ExecutorFactory factory = [&](const Model<float>&, const RunConfig& config) {
    ++prepared_models;
    PreparedModel prepared;
    prepared.notes = {"prepared"};
    prepared.instance = [batch = config.batch] { return AnyExecutor(test::SumExecutor(batch, 4)); };
    return prepared;
  };
  const ExecutorFactory copy = factory;
  const PreparedModel prepared = copy(named_after_four(), {.batch = 2});
  CHECK(prepared.instance().src_shapes().front() == Shape{2, 4});
  CHECK(prepared.instance().src_shapes().front() == Shape{2, 4});
  CHECK(prepared_models == 1);
  CHECK(prepared.notes.size() == 1);
}
