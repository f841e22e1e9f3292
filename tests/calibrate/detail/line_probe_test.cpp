#include <fulcrum/calibrate/detail/line_probe.hpp>

#include <algorithm>

#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/schedule/make_schedule.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("networks over lines and volumes are of bounded work, and have pooling, strides and dilations of both") {
  Random random(3);
  int lines = 0, volumes = 0, pools_of_lines = 0, pools_of_volumes = 0, dilated = 0, deepest = 0;
  for (int i = 0; i < 200; ++i) {
    const detail::Probe probe = detail::line_probe(random);
    CHECK(total_work(probe.model, probe.batch).flops < 6e8);
    const Shape input = std::get<Input>(probe.model.node(probe.model.inputs().front()).layer).shape;
    const bool line = input.size() == 4;
    (line ? lines : volumes) += 1;
    int products = 0;
    for (const Node<float>& node : probe.model.nodes()) {
      if (const auto* conv = std::get_if<Conv<float>>(&node.layer)) {
        dilated += conv->window.dilation[1] > 1 ? 1 : 0;
        ++products;
      }
      if (std::holds_alternative<Dense<float>>(node.layer)) ++products;
      if (std::holds_alternative<Pool>(node.layer)) (line ? pools_of_lines : pools_of_volumes) += 1;
    }
    CHECK(products > 0);
    deepest = std::max(deepest, products);
  }
  CHECK(lines > 80);
  CHECK(volumes > 40);
  CHECK(pools_of_lines > 40);
  CHECK(pools_of_volumes > 10);
  CHECK(dilated > 10);
  CHECK(deepest >= 4);
}
