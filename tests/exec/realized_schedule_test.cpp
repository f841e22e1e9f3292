// What is planned is what runs: rows of a prediction and steps of the executor are one list.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/cost/predict.hpp>
#include <fulcrum/exec/onednn.hpp>
#include <fulcrum/model/random_sources.hpp>
#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/passes/prune.hpp>
#include <fulcrum/passes/quantize.hpp>
#include <fulcrum/passes/quantize_dynamic.hpp>
#include <fulcrum/passes/quantize_weights.hpp>
#include <fulcrum/schedule/make_schedule.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>
#include <support/random_model.hpp>
#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {

/// All that a row and a step have in common.
std::string row(const std::string& name, const std::string& kind, DType src, DType dst, int threads,
                std::string_view algorithm) {
  std::string text = kind + " " + name + " " + std::string(name_of(src)) + " → " + std::string(name_of(dst)) + ", ";
  return text + std::to_string(threads) + " thread(s), " + std::string(algorithm);
}
std::string row(const Step& step) {
  return row(step.name, step.kind, step.src, step.dst, step.threads, name_of(step.algorithm));
}

std::vector<std::string> rows(const LatencyReport& report) {
  std::vector<std::string> result;
  for (const StepLatency& l : report.layers)
    result.push_back(row(l.name, l.kind, l.src.value(), l.dst.value(), l.threads, l.algorithm));
  return result;
}
std::vector<std::string> rows(const std::vector<StepInfo>& steps) {
  std::vector<std::string> result;
  for (const StepInfo& s : steps) result.push_back(row(s.name, s.kind, s.src, s.dst, s.threads, name_of(s.algorithm)));
  return result;
}
/// Without what moves values, and without a group's second and later steps.
std::vector<std::string> computing(const Schedule& schedule) {
  std::vector<std::string> result;
  std::vector<NodeId> begun;
  for (const ScheduledStep& entry : schedule.steps) {
    if (!entry.group || std::find(begun.begin(), begun.end(), entry.group->primary) != begun.end()) continue;
    begun.push_back(entry.group->primary);
    result.push_back(row(entry.step));
  }
  return result;
}

bool is_amended(const Schedule& realized, const std::string& layer) {
  return std::any_of(realized.amendments.begin(), realized.amendments.end(),
                     [&](const Amendment& a) { return a.layer == layer && !a.change.empty() && !a.reason.empty(); });
}

struct Counts {
  int planned = 0;
  int amended = 0;
};

/// Whether a plan and what oneDNN made of it are the same but for what the executor says of itself.
Counts compare_plan(const Model<float>& model, const RunConfig& config) {
  INFO(model.name() << ", " << to_string(config));
  const auto compiled = OnednnModel::compile(model, config);
  const Schedule plan = make_schedule(model, config, current_machine());
  const Schedule& realized = compiled->schedule();

  // The realized schedule is charged as it runs, row by row.
  REQUIRE(realized.steps.size() == compiled->steps().size());
  CHECK(rows(predict(realized, synthetic::machine())) == rows(compiled->steps()));
  CHECK(realized.slices == plan.slices);
  CHECK(realized.precision() == plan.precision());

  // The plan is what was realized, but for what is amended with a reason.
  const std::vector<std::string> real = computing(realized);
  std::size_t at = 0;
  Counts counts;
  for (const ScheduledStep& entry : plan.steps) {
    ++counts.planned;
    const auto found = std::find(real.begin() + static_cast<std::ptrdiff_t>(at), real.end(), row(entry.step));
    if (found != real.end()) {
      at = static_cast<std::size_t>(found - real.begin()) + 1;
      continue;
    }
    ++counts.amended;
    INFO(row(entry.step));
    CHECK(is_amended(realized, entry.step.name));
  }
  // Nothing runs that no group of the plan has.
  for (const ScheduledStep& entry : realized.steps) {
    if (!entry.group) continue;
    const bool in_plan = std::any_of(plan.groups.begin(), plan.groups.end(), [&](const FusionGroup& group) {
      return group.primary == entry.group->primary ||
             std::find(group.absorbed.begin(), group.absorbed.end(), entry.group->primary) != group.absorbed.end();
    });
    CHECK(in_plan);
  }
  return counts;
}

Model<float> quantized(const Model<float>& model, std::uint64_t seed) {
  return quantize_post_training(model, random_sources(model, 4, seed), onednn_runner(), int8_options_for_this_cpu())
      .model;
}

}  // namespace

TEST_CASE("random networks run as planned, in every precision, batch, thread count and slice") {
  Counts all;
  const auto add = [&](const Counts& counts) {
    all.planned += counts.planned;
    all.amended += counts.amended;
  };
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    const Model<float> model = test::random_model(seed);
    const Model<float> int8 = quantized(model, seed);
    const Model<float> other = test::with_other_zero_points(int8, seed);
    const Model<float> dynamic = quantize_dynamically(model, int8_options_for_this_cpu()).model;
    const Model<float> packed = quantize_weights(model, {.bits = seed % 2 == 0 ? 4 : 8}).model;
    for (const Precision precision : all_precisions) {
      if (!cpu_supports(precision)) continue;
      for (const auto& [batch, threads, slice] :
           {std::tuple<std::int64_t, int, std::int64_t>{1, 1, 0}, {1, 2, 0}, {4, 2, 0}, {4, 2, 1}, {4, 1, 2}}) {
        RunConfig config{.batch = batch, .threads = threads, .precision = precision, .slice = slice};
        if (slice > 0 && slice < batch && !samples_are_independent(model, batch, slice)) config.slice = batch;
        if (precision == Precision::int8) {
          if (!is_quantized(int8)) continue;  // it has no layer that takes integers
          add(compare_plan(int8, config));
          add(compare_plan(other, config));
          if (slice == 0) add(compare_plan(dynamic, config));  // one range for all samples
          continue;
        }
        add(compare_plan(model, config));
        add(compare_plan(packed, config));
        if (threads != 2) continue;
        add(compare_plan(int8, config));
        if (slice == 0) add(compare_plan(dynamic, config));
        config.roundings = Roundings::leave_out;
        add(compare_plan(int8, config));
      }
    }
  }
  CHECK(10 * all.amended < all.planned);
}

TEST_CASE("weights of 8 bits beside a source in float are planned packed for few rows, and run so") {
  Model<float> model = ModelBuilder<float>("weights", 3).input({600}).dense(500).gelu().dense(10).build();
  Parameter<float>& weights = std::get<Dense<float>>(model.edit_layer(*model.find("dense1"))).weights;
  weights.quantization = symmetric_quantization(*weights.value, 8, 0);
  for (const std::int64_t batch : {1, 4, 5}) {
    for (const Precision precision : all_precisions) {
      if (!cpu_supports(precision)) continue;
      CHECK(compare_plan(model, {.batch = batch, .threads = 2, .precision = precision}).amended == 0);
    }
  }
}

TEST_CASE("layers in a precision of their own are planned and run so") {
  const Model<float> model = zoo_model("fashion_cnn");
  if (cpu_supports(Precision::bf16)) {
    compare_plan(model, {.threads = 2, .precision = Precision::bf16, .layer_precision = {{"conv2", Precision::f32}}});
    compare_plan(model, {.threads = 2, .layer_precision = {{"conv2", Precision::bf16}}});
  }
  compare_plan(quantized(model, 1), {.precision = Precision::int8, .layer_precision = {{"conv2", Precision::f32}}});
}

TEST_CASE("Winograd's algorithm is planned where it runs, and not where the configuration forbids it") {
  const Model<float> model =
      ModelBuilder<float>("image").input({64, 56, 56}).conv(64, 3, {.padding = 1}).relu().build();
  for (const UseAlgorithm use : {UseAlgorithm::automatic, UseAlgorithm::always, UseAlgorithm::never})
    compare_plan(model, {.threads = 2, .algorithms = {.winograd = use}});
}

TEST_CASE("sparse products are planned where they run, and not where the configuration forbids them") {
  Model<float> model = ModelBuilder<float>("image")
                           .input({32, 14, 14})
                           .conv(128, 3, {.padding = 1})
                           .relu()
                           .conv(128, 1)
                           .gelu()
                           .conv(64, 3, {.stride = {2, 2}, .padding = 1})
                           .sigmoid()
                           .flatten()
                           .dense(50)
                           .build();
  model = prune(model, {.sparsity = 0.95}).model;
  for (const UseAlgorithm use : {UseAlgorithm::automatic, UseAlgorithm::always, UseAlgorithm::never}) {
    for (const std::int64_t batch : {1, 4}) {
      const RunConfig config{.batch = batch, .threads = 2, .algorithms = {.sparse = use}};
      const Counts counts = compare_plan(model, config);
      CHECK(counts.amended == 0);
      const Schedule plan = make_schedule(model, config, current_machine());
      const auto sparse = std::count_if(plan.steps.begin(), plan.steps.end(), [](const ScheduledStep& entry) {
        return entry.step.algorithm == Algorithm::sparse;
      });
      if (use == UseAlgorithm::always) CHECK(sparse == 4);
      if (use == UseAlgorithm::never) CHECK(sparse == 0);
    }
  }
}

TEST_CASE("depthwise convolutions between sparse products are planned in planes where they run so") {
  ModelBuilder<float> b("blocks", 1);
  b.input({3, 32, 32}).conv(16, 3, {.stride = {2, 2}, .padding = 1}).relu6();
  b.depthwise_conv(3, {.padding = 1}).relu6().conv(32, 1);
  const NodeId before = b.last();
  b.conv(192, 1).relu6().depthwise_conv(3, {.padding = 1}).relu6().conv(32, 1).add(before);
  b.conv(192, 1).swish().depthwise_conv(5, {.stride = {2, 2}, .padding = 2}).swish().conv(64, 1);
  b.global_average_pool().flatten().dense(10);
  const Model<float> model = prune(std::move(b).build(), {.sparsity = 0.95}).model;
  for (const UseAlgorithm use : {UseAlgorithm::automatic, UseAlgorithm::always, UseAlgorithm::never}) {
    for (const auto& [batch, threads, slice] :
         {std::tuple<std::int64_t, int, std::int64_t>{1, 1, 0}, {1, 2, 0}, {4, 2, 0}, {4, 2, 1}}) {
      const RunConfig config{.batch = batch, .threads = threads, .slice = slice, .algorithms = {.sparse = use}};
      CHECK(compare_plan(model, config).amended == 0);
      const auto compiled = OnednnModel::compile(model, config);
      const Schedule plan = make_schedule(model, config, current_machine());
      const auto chained = [](const Schedule& schedule) {
        std::vector<std::string> result;
        for (const ScheduledStep& entry : schedule.steps) {
          if (entry.in_planes || entry.step.turned_bytes > 0.0)
            result.push_back(row(entry.step) + (entry.in_planes ? " in planes, " : ", ") +
                             std::to_string(entry.step.turned_bytes));
        }
        return result;
      };
      CHECK(chained(compiled->schedule()) == chained(plan));
      const auto in_planes = std::count_if(plan.steps.begin(), plan.steps.end(), [](const ScheduledStep& entry) {
        return entry.step.algorithm == Algorithm::threaded_loops && takes_planes(entry.step);
      });
      if (use == UseAlgorithm::always) CHECK(in_planes == 3);
      if (use == UseAlgorithm::never) CHECK(in_planes == 0);
    }
  }
}

TEST_CASE("a rounding is a part of a run in f32 unless it is left out: the groups planned are those that run") {
  // Rounding between a convolution and its Relu keeps them apart.
  Model<float> model = ModelBuilder<float>("qdq").input({8, 8, 8}).conv(8, 3).relu().conv(8, 3).build();
  model.set_dst_quantization(*model.find("conv1"), Quantization{DType::s8, {0.1F}, {0}, -1});
  for (const auto& [roundings, kind] : {std::pair{Roundings::keep, "Conv"}, {Roundings::leave_out, "Conv+Relu"}}) {
    compare_plan(model, {.roundings = roundings});
    const Schedule plan = make_schedule(model, {.roundings = roundings}, current_machine());
    CHECK(plan.steps.front().step.kind == kind);
  }
}

TEST_CASE("recurrent layers run as planned") {
  for (const std::int64_t hidden : {5, 96}) {
    const Model<float> model = ModelBuilder<float>("sequence", 1)
                                   .input({6, 20})
                                   .transpose({1, 0, 2})
                                   .lstm(hidden, {.direction = RecurrentDirection::bidirectional})
                                   .transpose({0, 2, 1, 3})
                                   .reshape({0, -1, 2 * hidden})
                                   .gru(hidden)
                                   .build();
    for (const std::int64_t batch : {1, 4}) {
      for (const Precision precision : {Precision::f32, Precision::bf16}) {
        if (cpu_supports(precision)) compare_plan(model, {.batch = batch, .threads = 2, .precision = precision});
      }
      if (!cpu_supports(Precision::int8)) continue;
      const Model<float> int8 = quantized(model, 1);
      compare_plan(int8, {.batch = batch, .threads = 2, .precision = Precision::int8});
      compare_plan(quantize_dynamically(model).model, {.batch = batch, .threads = 2, .precision = Precision::int8});
      // A model that no pass has been over is planned as a pass would leave it.
      const RunConfig config{.batch = batch, .threads = 2, .precision = Precision::int8};
      const Schedule assumed = make_schedule(model, config, current_machine());
      const Schedule plan = make_schedule(int8, config, current_machine());
      REQUIRE(assumed.steps.size() == plan.steps.size());
      for (std::size_t i = 0; i < plan.steps.size(); ++i) {
        CHECK(assumed.steps[i].step.arithmetic == plan.steps[i].step.arithmetic);
        CHECK(assumed.steps[i].step.weight_bytes == plan.steps[i].step.weight_bytes);
      }
    }
  }
}

TEST_CASE("networks of the zoo run as planned") {
  for (const char* name : {"mlp", "fashion_cnn", "m5", "squeezenet1_1", "recommendation", "mobilenet_v2",
                           "shufflenet_v2_x1_0", "regnet_y_400mf"}) {
    const Model<float> model = zoo_model(name);
    for (const Precision precision : {Precision::f32, Precision::bf16}) {
      if (cpu_supports(precision)) compare_plan(model, {.threads = 2, .precision = precision});
    }
  }
}
