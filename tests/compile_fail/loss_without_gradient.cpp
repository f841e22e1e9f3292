// expect: a loss needs
#include <fulcrum/train/loss.hpp>

// A loss gives its gradient with its value; a bare number cannot be trained on.
struct AbsoluteError {
  static constexpr fulcrum::LossInput input = fulcrum::LossInput::output;
#ifdef MUST_FAIL
  double operator()(const fulcrum::Tensor<float>&, const fulcrum::Batch&) const { return 0.0; }
#else
  fulcrum::LossResult<float> operator()(const fulcrum::Tensor<float>&, const fulcrum::Batch&) const { return {}; }
#endif
};

fulcrum::AnyLoss loss() { return AbsoluteError{}; }
