#include <fulcrum/exec/runtime/constant_store.hpp>

#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

TEST_CASE("a large constant is the model's own tensor, and stays what it was when the model is edited") {
  const Shape shape{600, 512};  // 1.2 MB
  Model<float> model("table");
  const NodeId x = model.add({"x", Input{{batch_dim, 600, 512}}, {}, {}});
  const NodeId table = model.add({"table", Constant<float>{random_tensor<float>(shape, 1), {}}, {}, {}});
  model.set_outputs({model.add({"sum", Binary{BinaryKind::add}, {x, table}, {}})});
  const Tensor<float> src = random_tensor<float>({1, 600, 512}, 2);
  const Tensor<float> expected = ReferenceExecutor<float>(model).run({&src, 1}).front();
  const auto compiled = OnednnModel::compile(model, {});
  for (float& element : std::get<Constant<float>>(model.edit_layer(table)).value.value.edit().flat()) element = 9.0F;
  CHECK(OnednnExecutor(compiled).run({&src, 1}).front() == expected);
  CHECK(OnednnExecutor(model, {}).run({&src, 1}).front().flat()[0] == src.flat()[0] + 9.0F);
}
