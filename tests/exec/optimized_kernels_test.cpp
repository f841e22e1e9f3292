// No step runs in a reference implementation of oneDNN, which takes a thousand times as long as an optimized one.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/is_quantized.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/exec/reference.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>
#include <support/random_model.hpp>
#include <support/tolerance.hpp>

using namespace fulcrum;
using fulcrum::test::random_tensor;

namespace {

void check_kernels(const Model<float>& model, RunConfig config) {
  if (!cpu_supports(config.precision)) return;
  const auto compiled = OnednnModel::compile(model, config);
  for (const StepInfo& step : compiled->steps()) {
    INFO(model.name() << ", " << to_string(config) << ": " << step.kind << " '" << step.name << "' " << step.src_layout
                      << " → " << step.dst_layout << " runs " << step.implementation);
    CHECK(step.implementation.find("ref") == std::string::npos);
  }
}

Model<float> quantized_model(const Model<float>& model) {
  return quantize_post_training(model, random_sources(model, 2, 1), onednn_runner(), int8_options_for_this_cpu()).model;
}

void check_kernels_in_every_precision(const Model<float>& model) {
  for (const std::int64_t batch : {1, 3}) {
    for (const Precision precision : {Precision::f32, Precision::bf16})
      check_kernels(model, {.batch = batch, .threads = 2, .precision = precision, .slice = batch});
  }
  const Model<float> int8 = quantized_model(model);
  if (is_quantized(int8)) check_kernels(int8, {.threads = 2, .precision = Precision::int8});
}

}  // namespace

TEST_CASE("networks of the zoo run in optimized kernels") {
  for (const char* name : {"mlp", "fashion_cnn", "m5", "squeezenet1_1", "recommendation", "mobilenet_v2",
                           "efficientnet_b0", "shufflenet_v2_x1_0", "regnet_y_400mf"})
    check_kernels_in_every_precision(zoo_model(name));
}

TEST_CASE("random networks run in optimized kernels") {
  for (std::uint64_t seed = 0; seed < 40; ++seed) check_kernels_in_every_precision(test::random_model(seed));
}

TEST_CASE("arithmetic that broadcasts in every way runs in optimized kernels, behind convolutions of any width") {
  for (const std::int64_t channels : {3, 16, 20, 64}) {
    for (const Shape& other : {Shape{}, Shape{channels, 1, 1}, Shape{1, 1, 9}, Shape{channels, 1, 9}, Shape{9, 9}}) {
      for (const BinaryKind function :
           {BinaryKind::add, BinaryKind::mul, BinaryKind::sub, BinaryKind::div, BinaryKind::max}) {
        for (const bool first : {true, false}) {
          ModelBuilder<float> b("broadcast");
          const NodeId value = b.input({4, 9, 9}).conv(channels, 3, {.padding = 1}).tanh().last();
          const NodeId constant = b.constant(random_tensor<float>(other, 3, 0.5, 2.0)).last();
          b.layer(Binary{function},
                  first ? std::vector<NodeId>{value, constant} : std::vector<NodeId>{constant, value});
          b.sigmoid().conv(5, 1);
          check_kernels_in_every_precision(std::move(b).build());
        }
      }
    }
  }
}

TEST_CASE("dense layers in bf16 leave no tiles empty, whatever the number of rows") {
  if (!cpu_supports(Precision::bf16)) return;
  const bool in_tiles = onednn_environment().isa.find("amx_bf16") != std::string::npos;
  const std::set<std::int64_t> poor{49, 51, 53, 58, 59, 61, 62, 98, 106, 118, 121, 177, 181, 254};
  for (const std::int64_t rows :
       {16, 48, 49, 50, 51, 52, 53, 55, 58, 59, 61, 62, 64, 82, 96, 98, 106, 113, 118, 120, 121, 177, 181, 197, 254}) {
    for (const int threads : {1, 2}) {
      ModelBuilder<float> b("rows");
      const NodeId first = b.input({rows, 64}).dense(64).last();
      const Model<float> model = b.gelu().dense(64).add(first).dense(32).relu().build();
      const auto compiled = OnednnModel::compile(model, {.threads = threads, .precision = Precision::bf16});
      for (const StepInfo& step : compiled->steps()) {
        if (!step.kind.starts_with("Dense")) continue;
        INFO(rows << " rows: " << step.kind << " runs " << step.implementation);
        CHECK((step.implementation.find("conv") != std::string::npos) == (in_tiles && poor.contains(rows)));
      }
      const Tensor<float> src = random_tensor<float>({1, rows, 64}, 3);
      CHECK(test::relative_difference(OnednnExecutor(compiled).run({&src, 1}).front(),
                                      ReferenceExecutor<float>(model).run({&src, 1}).front()) <
            test::relative_tolerance(Precision::bf16));
    }
  }
}
