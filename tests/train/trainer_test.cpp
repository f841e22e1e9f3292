#include <fulcrum/train/trainer.hpp>

#include <limits>
#include <string>
#include <vector>

#include <fulcrum/measure/accuracy.hpp>
#include <fulcrum/model/builder.hpp>
#include <fulcrum/onednn/thread_scope.hpp>
#include <fulcrum/train/network.hpp>
#include <fulcrum/zoo/fashion_cnn.hpp>

#include <support/catch.hpp>
#include <support/data.hpp>

using namespace fulcrum;

namespace {

/// Noise with a bright quadrant that tells the class: easy to learn, impossible to guess.
Dataset quadrants(std::int64_t size) {
  Dataset data;
  data.images = test::random_tensor<float>({size, 1, 8, 8}, 9, 0.0, 0.7);
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t label = i % 4;
    data.labels.push_back(static_cast<std::int32_t>(label));
    for (std::int64_t y = 0; y < 4; ++y) {
      for (std::int64_t x = 0; x < 4; ++x) data.images.at(i, 0, y + 4 * (label / 2), x + 4 * (label % 2)) += 0.3F;
    }
  }
  data.classes = 4;
  return data;
}

Model<float> small_cnn() {
  return ModelBuilder<float>("small", 1)
      .input({1, 8, 8})
      .conv(8, 3, {.padding = 1})
      .batch_normalization()
      .relu()
      .max_pool(2)
      .flatten()
      .dense(4)
      .softmax()
      .build();
}

/// What a student has of both: half of the labels' loss, half of the squared distance to a teacher's logits.
struct Distillation {
  static constexpr LossInput input = LossInput::logits;
  LossResult<float> operator()(const Tensor<float>& logits, const Batch& batch) const {
    LossResult<float> result = CrossEntropy{}(logits, batch);
    const LossResult<float> to_teacher = MeanSquaredError{}(logits, batch);
    result.loss = 0.5 * (result.loss + to_teacher.loss);
    for (std::size_t i = 0; i < result.gradient.flat().size(); ++i) {
      result.gradient.flat()[i] = 0.5F * (result.gradient.flat()[i] + to_teacher.gradient.flat()[i]);
    }
    return result;
  }
};

TrainOptions quick() {
  TrainOptions options;
  options.epochs = 4;
  options.batch = 16;
  options.learning_rate = 0.02;
  options.threads = 1;
  return options;
}

}  // namespace

TEST_CASE("training learns, with either optimizer") {
  const Dataset data = quadrants(400);
  TrainOptions options = quick();
  SECTION("Adam") {}
  SECTION("SGD") { options.optimizer = Sgd{0.9, true, 1e-4}; }
  const TrainResult result = train(small_cnn(), data, options);
  REQUIRE(result.epochs.size() == 4);
  CHECK(result.epochs.back().loss < 0.3 * result.epochs.front().loss);
  CHECK(result.epochs.back().train_accuracy.value() > 0.97);
  CHECK(result.epochs.back().seconds > 0.0);
  CHECK(result.model.name() == "small");
  CHECK(infer_shapes(result.model, 3) == infer_shapes(small_cnn(), 3));
}

TEST_CASE("the defaults get fashion_cnn far on a twentieth of Fashion-MNIST") {
  const Dataset data = slice(load_dataset("fashion-mnist", Split::train), 0, 3000);
  TrainOptions options;
  options.epochs = 2;
  options.threads = 1;
  const TrainResult result = train(fashion_cnn<float>(1), data, options);
  const Dataset unseen = slice(load_dataset("fashion-mnist", Split::test), 0, 500);
  CHECK(evaluate_accuracy(result.model, unseen, {.batch = 100}).accuracy > 0.7);
}

TEST_CASE("the same seed gives the same weights bit for bit, another seed others") {
  const Dataset data = quadrants(32);
  TrainOptions options = quick();
  options.epochs = 2;
  for (const int threads : {1, 2}) {
    options.threads = threads;
    CHECK(train(small_cnn(), data, options).model == train(small_cnn(), data, options).model);
  }
  const Model<float> one = train(small_cnn(), data, options).model;
  options.seed = 1;
  CHECK_FALSE(train(small_cnn(), data, options).model == one);
}

TEST_CASE("training without hooks is the forward pass, the loss, the backward pass and the optimizer, bit for bit") {
  const Dataset data = quadrants(70);  // 4 batches and a rest
  TrainOptions options = quick();
  options.seed = 11;
  options.augmentation = {.flip = false, .shift = 1};
  options.loss = CrossEntropy{0.1};
  const TrainResult result = train(small_cnn(), data, options);

  const detail::ThreadScope one_thread(1);
  BatchSampler sampler(data, 16, options.augmentation, options.seed);
  TrainingNetwork network(small_cnn(), 16);
  const Adam adam;
  std::vector<Adam::State> states;
  for (const TrainableParameter& p : network.parameters()) states.push_back(adam.make_state(p.value.flat().size()));
  std::int64_t step = 0;
  for (const EpochReport& epoch : result.epochs) {
    sampler.start_epoch();
    double loss = 0.0;
    std::int64_t correct = 0;
    for (int i = 0; i < 4; ++i) {
      const Batch& batch = sampler.draw();
      const auto on_batch = CrossEntropy{0.1}(network.forward(batch.src), std::span(batch.labels));
      network.backward(on_batch.gradient);
      const double rate = options.learning_rate * CosineRate{}((static_cast<double>(step) + 0.5) / 16.0);
      ++step;
      for (std::size_t p = 0; p < states.size(); ++p) {
        TrainableParameter& parameter = network.parameters()[p];
        adam.update(states[p], parameter.value.flat(), parameter.gradient.flat(), {rate, step, parameter.decays});
      }
      loss += on_batch.loss;
      correct += on_batch.correct.value();
    }
    CHECK(epoch.loss == loss / 4.0);
    CHECK(epoch.train_accuracy.value() == static_cast<double>(correct) / 64.0);
  }
  CHECK(result.model == network.model());
}

TEST_CASE("a regression learns by the mean squared error and has no accuracy") {
  const auto src = test::random_tensor<float>({256, 1}, 3, -1.0, 1.0);
  Tensor<float> targets(Shape{256, 2});
  for (std::int64_t i = 0; i < 256; ++i) {
    targets.at(i, 0) = src.at(i, 0) * src.at(i, 0);
    targets.at(i, 1) = 1.0F - src.at(i, 0);
  }
  const Model<float> model = ModelBuilder<float>("curve", 1).input({1}).dense(16).tanh().dense(2).build();
  TrainOptions options = quick();
  options.epochs = 30;
  options.loss = MeanSquaredError{};
  std::string figures;
  const TrainResult result =
      train(model, SampleView(src, targets), options, [&](const Progress& p) { figures = p.detail; });
  CHECK(result.epochs.back().loss < 0.02 * result.epochs.front().loss);
  CHECK_FALSE(result.epochs.back().train_accuracy);
  CHECK_THAT(figures, ContainsSubstring("loss") && !ContainsSubstring("accuracy"));
  CHECK_THROWS_WITH(train(model, SampleView(src, src), options), ContainsSubstring("(16, 2) and (16, 1)"));
}

TEST_CASE("a loss of one's own is used, on labels and targets together") {
  const Dataset data = quadrants(64);
  Tensor<float> teacher(Shape{64, 4}, -2.0F);
  for (std::int64_t i = 0; i < 64; ++i) teacher.at(i, i % 4) = 2.0F;
  TrainOptions options = quick();
  options.epochs = 10;
  options.loss = Distillation{};
  const TrainResult result = train(small_cnn(), SampleView(data, teacher), options);
  CHECK(result.epochs.back().loss < 0.3 * result.epochs.front().loss);
  CHECK(result.epochs.back().train_accuracy.value() > 0.9);
  CHECK_THROWS_WITH(train(small_cnn(), data, options), ContainsSubstring("without targets"));
}

TEST_CASE("pruned weights stay pruned and keep their masks") {
  Model<float> model = small_cnn();
  auto& weights = std::get<Conv<float>>(model.edit_layer(*model.find("conv1"))).weights;
  Tensor<std::uint8_t> mask(weights.value->dims(), 1);
  for (std::size_t i = 0; i < mask.flat().size(); i += 2) {
    mask.flat()[i] = 0;
    weights.value.edit().flat()[i] = 0.0F;
  }
  weights.mask = mask;
  TrainOptions options = quick();
  options.optimizer = Adam{0.9, 0.999, 1e-8, 0.01};
  const TrainResult result = train(model, quadrants(64), options);
  const auto& trained = std::get<Conv<float>>(result.model.node(*model.find("conv1")).layer).weights;
  REQUIRE(trained.mask == weights.mask);
  for (std::size_t i = 0; i < mask.flat().size(); ++i) {
    if (i % 2 == 0)
      CHECK(trained.value->flat()[i] == 0.0F);
    else
      CHECK(trained.value->flat()[i] != weights.value->flat()[i]);
  }
}

TEST_CASE("an optimizer of one's own is used") {
  /// Sets every weight to the step's number.
  struct Counting {
    struct State {};
    [[nodiscard]] State make_state(std::size_t) const { return {}; }
    void update(State&, std::span<float> value, std::span<const float>, const OptimizerStep& step) const {
      for (float& w : value) w = static_cast<float>(step.number);
    }
  };
  TrainOptions options = quick();
  options.epochs = 3;
  options.optimizer = Counting{};
  const TrainResult result = train(small_cnn(), quadrants(40), options);
  const auto& dense = std::get<Dense<float>>(result.model.node(*result.model.find("dense1")).layer);
  for (const float w : dense.weights.value->flat()) CHECK(w == 6.0F);  // 3 epochs of 2 batches
}

TEST_CASE("progress goes from 0 to 1 and names the epoch") {
  std::vector<Progress> signs;
  TrainOptions options = quick();
  options.epochs = 2;
  static_cast<void>(train(small_cnn(), quadrants(64), options, [&](const Progress& p) { signs.push_back(p); }));
  REQUIRE(signs.size() >= 2);
  for (std::size_t i = 1; i < signs.size(); ++i) CHECK(signs[i].fraction > signs[i - 1].fraction);
  CHECK(signs.back().fraction == 1.0);
  CHECK(signs.back().stage == "epoch 2/2");
  CHECK_THAT(signs.back().detail, ContainsSubstring("loss") && ContainsSubstring("accuracy"));
}

TEST_CASE("a data set smaller than the batch is one batch") {
  TrainOptions options = quick();
  options.batch = 500;
  CHECK(train(small_cnn(), quadrants(12), options).epochs.size() == 4);
}

TEST_CASE("a loss that is not a number ends the training with what to do") {
  TrainOptions options = quick();
  options.learning_rate = 1e30;
  options.optimizer = Sgd{};
  options.schedule = ConstantRate{};
  CHECK_THROWS_WITH(train(small_cnn(), quadrants(64), options), ContainsSubstring("lower the learning rate"));
  Model<float> broken = small_cnn();
  auto& dense = std::get<Dense<float>>(broken.edit_layer(*broken.find("dense1")));
  dense.weights.value.edit().flat()[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(train(broken, quadrants(64), quick()), ContainsSubstring("NaN among the weights"));
}

TEST_CASE("options, models and data that do not fit are refused") {
  const Dataset data = quadrants(64);
  const auto refused = [&](auto&& change) {
    TrainOptions options = quick();
    change(options);
    CHECK_THROWS_AS(train(small_cnn(), data, options), Error);
  };
  refused([](TrainOptions& o) { o.epochs = 0; });
  refused([](TrainOptions& o) { o.batch = 0; });
  refused([](TrainOptions& o) { o.threads = -1; });
  refused([](TrainOptions& o) { o.learning_rate = 0.0; });
  refused([](TrainOptions& o) { o.learning_rate = std::numeric_limits<double>::infinity(); });
  refused([](TrainOptions& o) { o.loss = CrossEntropy{2.0}; });
  refused([](TrainOptions& o) { o.loss = MeanSquaredError{}; });  // labels are no targets
  refused([](TrainOptions& o) { o.optimizer = Sgd{2.0}; });
  refused([](TrainOptions& o) { o.schedule = CosineRate{2.0}; });

  const auto model = ModelBuilder<float>("other", 1).input({1, 8, 9}).flatten().dense(4).build();
  CHECK_THROWS_WITH(train(model, data), ContainsSubstring("(64, 1, 8, 8)") && ContainsSubstring("(64, 1, 8, 9)"));
  const auto narrow = ModelBuilder<float>("narrow", 1).input({1, 8, 8}).flatten().dense(3).build();
  CHECK_THROWS_WITH(train(narrow, data), ContainsSubstring("4 classes"));
  CHECK_THROWS_AS(train(small_cnn(), Dataset{}), Error);
}
