#include <fulcrum/load/beside_runner.hpp>

#include <algorithm>

#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("whoever stands beside a runner keeps off its CPUs, and goes back at the end") {
  const std::vector<int> before = onednn_environment().affinity;
  const QueuedRunner runner(zoo_model("mlp"), {});
  {
    const BesideRunner beside(runner);
    const std::vector<int> now = onednn_environment().affinity;
    if (before.size() > 1) {
      CHECK(runner.cpus().size() == 1);
      CHECK(now.size() == before.size() - 1);
      CHECK(std::find(now.begin(), now.end(), runner.cpus().front()) == now.end());
    } else {
      CHECK(now == before);
    }
  }
  CHECK(onednn_environment().affinity == before);
}

TEST_CASE("beside a runner that takes all CPUs there is nowhere to go") {
  const std::vector<int> before = onednn_environment().affinity;
  const QueuedRunner runner(zoo_model("mlp"), {.instances = static_cast<int>(before.size())});
  const BesideRunner beside(runner);
  CHECK(onednn_environment().affinity == before);
}
