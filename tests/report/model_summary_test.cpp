#include <fulcrum/report/model_summary.hpp>

#include <sstream>

#include <fulcrum/model/builder.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {
Model<float> small_model() {
  return ModelBuilder<float>("small").input({1, 8, 8}).conv(4, 3).relu().flatten().dense(10).softmax().build();
}
}  // namespace

TEST_CASE("a summary shows every layer with its shape, parameters and FLOPs, and the totals") {
  const Model<float> model = small_model();
  const std::string text = summary(model);
  CHECK_THAT(text, ContainsSubstring("model 'small'"));
  for (const auto& node : model.nodes()) CHECK_THAT(text, ContainsSubstring(node.name));
  CHECK_THAT(text, ContainsSubstring("(N, 4, 6, 6)"));
  CHECK_THAT(text, ContainsSubstring(format_count(4 * 9 + 4)));
  CHECK_THAT(text, ContainsSubstring(format_count(parameter_count(model))));
  CHECK_THAT(text, ContainsSubstring(format_count(static_cast<long long>(total_work(model, 1).flops))));
  CHECK(text.find("pruned") == std::string::npos);
  CHECK(text.find("quantized") == std::string::npos);
}

TEST_CASE("FLOPs are those of the batch and the batch dimension still prints as N") {
  const std::string text = summary(small_model(), 6);  // 6 is an extent of the model as well
  CHECK_THAT(text, ContainsSubstring("(N, 4, 6, 6)"));
  CHECK_THAT(text, ContainsSubstring("batch 6"));
  CHECK_THAT(text, ContainsSubstring(format_count(static_cast<long long>(total_work(small_model(), 6).flops))));
}

TEST_CASE("a summary says what is pruned and what is quantized") {
  Model<float> model = small_model();
  auto& dense = std::get<Dense<float>>(model.edit_layer(*model.find("dense1")));
  Tensor<std::uint8_t> mask(dense.weights.value->dims(), std::uint8_t{1});
  for (std::size_t i = 0; i < 720; ++i) mask.flat()[i] = 0;
  dense.weights.mask = std::move(mask);
  dense.weights.quantization = Quantization{};
  const std::string text = summary(model);
  CHECK_THAT(text, ContainsSubstring("pruned to zero: 720 (48.3 %)"));  // of 1,490
  CHECK_THAT(text, ContainsSubstring("quantized to int8: 1,440"));
}

TEST_CASE("a model prints as its summary") {
  std::ostringstream out;
  out << small_model();
  CHECK(out.str() == summary(small_model()));
}
