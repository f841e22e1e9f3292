// Which configuration meets a latency target at the highest throughput within an accuracy budget? Trained for a moment
// on a slice of the data here; `fulcrum tradeoff` does the same on the whole.

#include <cstdio>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>

using namespace fulcrum;

int main() {
  const Dataset train_set = slice(load_dataset("fashion-mnist", Split::train), 0, 4096);
  const Dataset test_set = slice(load_dataset("fashion-mnist", Split::test), 0, 1000);
  TrainOptions training;
  training.epochs = 1;
  const Model<float> model = train(zoo_model("fashion_cnn", 1), train_set, training).model;

  TradeoffOptions options;
  options.objective = {.slo_p99 = Milliseconds(20), .max_accuracy_drop_points = 1.0};
  options.space = ConfigurationSpace{.sparsities = {0.0, 0.5}, .batches = {1, 16}};
  options.rounds = 2;
  options.time_per_round = Seconds(0.05);
  const MachineProfile profile = calibrate({.budget = Seconds(3)});
  const TradeoffStudy study = run_tradeoff(model, train_set, test_set, profile, options);

  std::printf("%s", to_text(study).c_str());
}
