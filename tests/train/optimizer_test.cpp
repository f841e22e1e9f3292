#include <fulcrum/train/optimizer.hpp>

#include <cmath>
#include <vector>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// Weights after `steps` of the optimizer on gradients that f gives for the weights.
template <class O, class F>
std::vector<float> descend(const O& optimizer, std::vector<float> w, int steps, double rate, F&& f,
                           bool decays = true) {
  auto state = optimizer.make_state(w.size());
  std::vector<float> gradient(w.size());
  for (int t = 1; t <= steps; ++t) {
    for (std::size_t i = 0; i < w.size(); ++i) gradient[i] = f(w[i]);
    optimizer.update(state, w, gradient, {rate, t, decays});
  }
  return w;
}

const auto one = [](float) { return 1.0F; };
const auto zero = [](float) { return 0.0F; };

}  // namespace

TEST_CASE("SGD without momentum goes against the gradient") {
  CHECK(descend(Sgd{0.0}, {2.0F}, 3, 0.25, one)[0] == 2.0F - 0.75F);
}

TEST_CASE("momentum adds up past gradients") {
  // v = 1, 1.5, 1.75; with Nesterov the steps are 1 + v/2 = 1.5, 1.75, 1.875
  CHECK(descend(Sgd{0.5}, {0.0F}, 3, 1.0, one)[0] == -(1.0F + 1.5F + 1.75F));
  CHECK(descend(Sgd{0.5, true}, {0.0F}, 3, 1.0, one)[0] == -(1.5F + 1.75F + 1.875F));
}

TEST_CASE("the first step of Adam has the length of the learning rate whatever the gradient") {
  for (const float scale : {1e-3F, 1.0F, 1e3F}) {
    const auto g = [&](float) { return scale; };
    CHECK(descend(Adam{}, {1.0F}, 1, 0.01, g)[0] == Approx(0.99).epsilon(1e-4));
  }
}

TEST_CASE("Adam follows its formula step by step") {
  const Adam adam{0.8, 0.9, 1e-3};
  double m = 0.0;
  double v = 0.0;
  double w = 0.7;
  for (int t = 1; t <= 5; ++t) {
    const double g = 2.0 * w - 0.5;
    m = 0.8 * m + 0.2 * g;
    v = 0.9 * v + 0.1 * g * g;
    w -= 0.05 * (m / (1.0 - std::pow(0.8, t))) / (std::sqrt(v / (1.0 - std::pow(0.9, t))) + 1e-3);
  }
  CHECK(static_cast<double>(descend(adam, {0.7F}, 5, 0.05, [](float x) { return 2.0F * x - 0.5F; })[0]) ==
        Approx(w).epsilon(1e-5));
}

TEST_CASE("both optimizers find the minimum of a parabola") {
  const auto g = [](float x) { return 2.0F * (x - 3.0F); };
  CHECK(descend(Sgd{}, {0.0F, 9.0F}, 300, 0.02, g)[1] == Approx(3.0).epsilon(1e-3));
  CHECK(descend(Adam{}, {0.0F, 9.0F}, 2000, 0.02, g)[0] == Approx(3.0).epsilon(1e-3));
}

TEST_CASE("weight decay shrinks weights and nothing else") {
  CHECK(descend(Sgd{0.0, false, 0.1}, {1.0F}, 1, 0.5, zero)[0] == Approx(0.95));
  CHECK(descend(Adam{0.9, 0.999, 1e-8, 0.1}, {1.0F}, 1, 0.5, zero)[0] == Approx(0.95));
  CHECK(descend(Sgd{0.0, false, 0.1}, {1.0F}, 1, 0.5, zero, false)[0] == 1.0F);
  CHECK(descend(Adam{0.9, 0.999, 1e-8, 0.1}, {1.0F}, 1, 0.5, zero, false)[0] == 1.0F);
}

TEST_CASE("an element whose gradient is always 0 stays at 0") {
  CHECK(descend(Sgd{0.9, true, 0.1}, {0.0F}, 3, 0.5, zero)[0] == 0.0F);
  CHECK(descend(Adam{0.9, 0.999, 1e-8, 0.1}, {0.0F}, 3, 0.5, zero)[0] == 0.0F);
}

TEST_CASE("what is no optimizer is told apart from one") {
  struct NoState {
    void update(int) {}
  };
  CHECK_FALSE(Optimizer<NoState>);
  CHECK_FALSE(Optimizer<int>);
  CHECK(Optimizer<Adam>);
}

TEST_CASE("settings out of range are refused") {
  CHECK_NOTHROW(validate(Sgd{}));
  CHECK_NOTHROW(validate(Adam{}));
  CHECK_THROWS_WITH(validate(Sgd{1.0}), ContainsSubstring("momentum"));
  CHECK_THROWS_WITH(validate(Sgd{0.9, false, -1.0}), ContainsSubstring("weight decay"));
  CHECK_THROWS_WITH(validate(Adam{0.9, 1.0}), ContainsSubstring("beta"));
  CHECK_THROWS_WITH(validate(Adam{0.9, 0.99, 0.0}), ContainsSubstring("epsilon"));
  CHECK_THROWS_WITH(validate(Adam{0.9, 0.99, 1e-8, std::nan("")}), ContainsSubstring("weight decay"));
}
