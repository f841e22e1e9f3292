#include <fulcrum/report/detail/layered_layout.hpp>

#include <cmath>

#include <support/catch.hpp>

using namespace fulcrum::detail;

TEST_CASE("nodes stand below their sources and never on one another, and edges keep to the gaps") {
  // A residual block, a branch of three and an input that comes in late.
  const std::vector<std::pair<std::size_t, std::size_t>> edges{{0, 2}, {2, 3}, {2, 5}, {3, 4}, {4, 5}, {5, 6}, {5, 7},
                                                               {5, 8}, {6, 9}, {7, 9}, {8, 9}, {1, 9}, {2, 9}};
  const LayoutOptions options;
  const GraphLayout layout = layered_layout(10, edges, options);
  REQUIRE(layout.nodes.size() == 10);
  for (const auto& [source, target] : edges)
    CHECK(layout.nodes[target].y >= layout.nodes[source].y + options.node_height);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(layout.nodes[i].x >= -1e-9);
    CHECK(layout.nodes[i].x + options.node_width <= layout.width + 1e-9);
    for (std::size_t j = 0; j < i; ++j) {
      const bool beside = std::abs(layout.nodes[i].x - layout.nodes[j].x) >= options.node_width;
      const bool below = std::abs(layout.nodes[i].y - layout.nodes[j].y) >= options.node_height;
      CHECK((beside || below));
    }
  }
  // An edge passes beside every node that stands in a layer between its ends.
  for (std::size_t e = 0; e < edges.size(); ++e) {
    for (const LayoutPoint& point : layout.edges[e]) {
      for (std::size_t i = 0; i < 10; ++i) {
        const bool inside = point.x > layout.nodes[i].x && point.x < layout.nodes[i].x + options.node_width &&
                            point.y > layout.nodes[i].y && point.y < layout.nodes[i].y + options.node_height;
        CHECK_FALSE(inside);
      }
    }
  }
  CHECK(layout.nodes[1].y == Approx(layout.nodes[9].y - options.node_height - options.gap_y));
}

TEST_CASE("a chain is one column, and no graph at all has no size") {
  const GraphLayout chain = layered_layout(3, {{0, 1}, {1, 2}});
  CHECK(chain.nodes[0].x == Approx(chain.nodes[2].x));
  CHECK(chain.width == Approx(LayoutOptions{}.node_width));
  CHECK(layered_layout(0, {}).height == 0.0);
}
