#include <fulcrum/train/parameter_hooks.hpp>

#include <cmath>
#include <string>
#include <vector>

#include <fulcrum/model/builder.hpp>
#include <fulcrum/train/trainer.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

/// Weights are computed with as s · v, where the hook learns s and v is the master value; s begins at 1/2.
struct LearnedScale {
  struct State {
    Tensor<float> src;
    std::vector<float> scale{0.5F};
    std::vector<float> gradient{0.0F};
  };
  [[nodiscard]] std::optional<State> make_state(const TrainableParameter& parameter) const {
    return parameter.name == "weights" ? std::optional<State>(State{}) : std::nullopt;
  }
  [[nodiscard]] Tensor<float> on_forward(State& state, Tensor<float> value, const TrainingStep&) const {
    state.src = value;
    for (float& w : value.flat()) w *= state.scale[0];
    return value;
  }
  void on_backward(State& state, std::span<float> gradient) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      sum += static_cast<double>(gradient[i]) * static_cast<double>(state.src.flat()[i]);
      gradient[i] *= state.scale[0];
    }
    state.gradient[0] = static_cast<float>(sum);
  }
  void on_update(State&, std::span<float>) const {}
  [[nodiscard]] LearnedParameter learned(State& state) const { return {state.scale, state.gradient}; }
  /// The model is to compute what the network did.
  void finish(const State& state, Parameter<float>& parameter) const {
    for (float& w : parameter.value.edit().flat()) w *= state.scale[0];
  }
};

/// Prunes more and more, as training goes on: the first weights of a layer, so that the test need not rank them.
struct Gradual {
  struct State {
    Tensor<std::uint8_t> mask;
  };
  [[nodiscard]] std::optional<State> make_state(const TrainableParameter& parameter) const {
    if (parameter.name != "weights") return std::nullopt;
    return State{Tensor<std::uint8_t>(parameter.value.dims(), 1)};
  }
  [[nodiscard]] Tensor<float> on_forward(State& state, Tensor<float> value, const TrainingStep& step) const {
    const auto mask = state.mask.flat();
    const auto pruned = static_cast<std::size_t>(step.progress * static_cast<double>(mask.size()));
    for (std::size_t i = 0; i < pruned; ++i) mask[i] = 0;
    on_update(state, value.flat());
    return value;
  }
  void on_backward(State& state, std::span<float> gradient) const { on_update(state, gradient); }
  void on_update(State& state, std::span<float> values) const {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] *= static_cast<float>(state.mask.flat()[i]);
  }
  void finish(const State& state, Parameter<float>& parameter) const { parameter.mask = state.mask; }
};

/// Writes down who is called when.
struct Recorder {
  char name;
  std::string* log;
  struct State {};
  [[nodiscard]] std::optional<State> make_state(const TrainableParameter& parameter) const {
    return parameter.name == "bias" ? std::optional<State>(State{}) : std::nullopt;
  }
  [[nodiscard]] Tensor<float> on_forward(State&, Tensor<float> value, const TrainingStep& step) const {
    *log += std::string("f") + name + std::to_string(step.number) + " ";
    return value;
  }
  void on_backward(State&, std::span<float>) const { *log += std::string("b") + name + " "; }
  void on_update(State&, std::span<float>) const { *log += std::string("u") + name + " "; }
};

struct Line {
  Tensor<float> src = test::random_tensor<float>({64, 3}, 3);
  Tensor<float> targets{Shape{64, 1}};
  Model<float> model = ModelBuilder<float>("m", 1).input({3}).dense(8).tanh().dense(1).build();
  TrainOptions options;

  Line() {
    for (std::int64_t i = 0; i < 64; ++i) targets.at(i, 0) = src.at(i, 0) - 2.0F * src.at(i, 2);
    options.epochs = 1;
    options.batch = 64;
    options.learning_rate = 0.01;
    options.threads = 1;
    options.optimizer = Sgd{0.0};
    options.schedule = ConstantRate{};
    options.loss = MeanSquaredError{};
  }
  [[nodiscard]] TrainResult trained() const { return train(model, SampleView(src, targets), options); }
};

Parameter<float>& parameter_of(Model<float>& model, const char* layer) {
  return std::get<Dense<float>>(model.edit_layer(*model.find(layer))).weights;
}

}  // namespace

TEST_CASE("hooks go forward in their order and back in the other") {
  Line line;
  line.model = ModelBuilder<float>("m", 1).input({3}).dense(1).build();
  line.options.epochs = 2;
  std::string log;
  line.options.hooks = {Recorder{'1', &log}, Recorder{'2', &log}};
  static_cast<void>(line.trained());
  CHECK(log == "f11 f21 b2 b1 u2 u1 f12 f22 b2 b1 u2 u1 ");
}

TEST_CASE("what a hook learns follows its gradient, and the master values theirs") {
  Line line;
  line.options.hooks = {LearnedScale{}};
  Model<float> result = line.trained().model;

  // The gradients by hand, from the loss of a model that has s · v as its weights.
  const auto loss_at = [&](const char* layer, double scale_offset, std::size_t at, double value_offset) {
    Line moved;
    for (const char* each : {"dense1", "dense2"}) {
      const bool is_it = std::string(each) == layer;
      auto v = parameter_of(moved.model, each).value.edit().flat();
      if (is_it) v[at] += static_cast<float>(value_offset);
      for (float& w : v) w *= static_cast<float>(0.5 + (is_it ? scale_offset : 0.0));
    }
    return moved.trained().epochs[0].loss;
  };
  for (const char* layer : {"dense1", "dense2"}) {
    constexpr double step = 1e-2;
    const double by_scale = (loss_at(layer, step, 0, 0.0) - loss_at(layer, -step, 0, 0.0)) / (2.0 * step);
    const double scale = 0.5 - 0.01 * by_scale;
    const auto before = parameter_of(line.model, layer).value->flat();
    const auto after = parameter_of(result, layer).value->flat();
    for (std::size_t i = 0; i < before.size(); i += 5) {
      const double by_value = (loss_at(layer, 0.0, i, step) - loss_at(layer, 0.0, i, -step)) / (2.0 * step);
      const double master = static_cast<double>(before[i]) - 0.01 * by_value;
      CHECK(static_cast<double>(after[i]) == Approx(scale * master).epsilon(1e-4).margin(1e-5));
      CHECK(std::abs(static_cast<double>(after[i]) - 0.5 * static_cast<double>(before[i])) > 1e-6);
    }
  }
}

TEST_CASE("a hook that learns helps: the network trains as well as without") {
  Line line;
  line.options.epochs = 200;
  line.options.optimizer = Adam{};
  line.options.hooks = {LearnedScale{}};
  const TrainResult result = line.trained();
  CHECK(result.epochs.back().loss < 0.05 * result.epochs.front().loss);
  // what the hook learned is in the model
  line.model = result.model;
  line.options.hooks = {};
  line.options.epochs = 1;
  CHECK(line.trained().epochs[0].loss == Approx(result.epochs.back().loss).epsilon(0.1));
}

TEST_CASE("a hook may change with the training's progress and speak for the trained model") {
  Line line;
  line.options.epochs = 4;
  line.options.hooks = {Gradual{}};
  Model<float> result = line.trained().model;
  const Parameter<float>& weights = parameter_of(result, "dense1");  // 24 of them, pruned at progress 0, ¼, ½ and ¾
  REQUIRE_FALSE(weights.mask.empty());
  for (std::size_t i = 0; i < 24; ++i) {
    CHECK(weights.mask->flat()[i] == (i < 18 ? 0 : 1));
    CHECK((weights.value->flat()[i] == 0.0F) == (i < 18));
  }
}

TEST_CASE("a hook that makes another shape is refused") {
  struct Cut {
    struct State {};
    [[nodiscard]] std::optional<State> make_state(const TrainableParameter&) const { return State{}; }
    [[nodiscard]] Tensor<float> on_forward(State&, const Tensor<float>&, const TrainingStep&) const { return {}; }
    void on_backward(State&, std::span<float>) const {}
    void on_update(State&, std::span<float>) const {}
  };
  Line line;
  line.options.hooks = {Cut{}};
  CHECK_THROWS_WITH(line.trained(), ContainsSubstring("layer 'dense1'") && ContainsSubstring("(8, 3)"));
}

TEST_CASE("what is no hook is told apart from one") {
  struct WithoutUpdate {
    struct State {};
    [[nodiscard]] std::optional<State> make_state(const TrainableParameter&) const { return {}; }
    [[nodiscard]] Tensor<float> on_forward(State&, Tensor<float> value, const TrainingStep&) const { return value; }
    void on_backward(State&, std::span<float>) const {}
  };
  STATIC_REQUIRE(ParameterHook<LearnedScale>);
  STATIC_REQUIRE(ParameterHook<Gradual>);
  STATIC_REQUIRE_FALSE(ParameterHook<WithoutUpdate>);
}
