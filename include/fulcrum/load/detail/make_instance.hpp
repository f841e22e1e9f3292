#pragma once
/// \file
/// Makes an instance of a QueuedRunner: its executors, with random sources, warmed up.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/random.hpp>
#include <fulcrum/core/shape.hpp>
#include <fulcrum/load/detail/runner_plan.hpp>

namespace fulcrum::detail {

/// \throws Error when a batch of that size is not made of so many elements for each sample
inline void check_parts(const std::vector<Shape>& shapes, const std::vector<std::size_t>& elements, std::int64_t size) {
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (shapes.size() == elements.size() && element_count(shapes[i]) == size * static_cast<std::int64_t>(elements[i]))
      continue;
    throw Error("the executor of batch " + std::to_string(size),
                "has " + to_string(shapes[i]) + ", which is not one part for each sample",
                "run the model without batching");
  }
}

/// Its own buffers, for runs without a request.
inline void point_at_buffers(RunnerInstance& instance) {
  instance.src.clear();
  instance.dst.clear();
  for (const Tensor<float>& buffer : instance.src_buffers) instance.src.push_back(buffer.flat().data());
  for (Tensor<float>& buffer : instance.dst_buffers) instance.dst.push_back(buffer.flat().data());
}

inline RunnerInstance make_instance(const RunnerPlan& plan) {
  RunnerInstance instance;
  const auto most = static_cast<std::int64_t>(plan.sizes.back());
  for (const PreparedModel& prepared : plan.prepared) instance.executors.push_back(prepared.instance());
  Random random(0);
  for (std::size_t i = 0; i < plan.src_elements.size(); ++i) {
    instance.src_buffers.emplace_back(Shape{most, static_cast<std::int64_t>(plan.src_elements[i])});
    fill_source(instance.src_buffers.back().flat(), plan.ranges[i], random);
  }
  for (const std::size_t elements : plan.dst_elements)
    instance.dst_buffers.emplace_back(Shape{most, static_cast<std::int64_t>(elements)});
  point_at_buffers(instance);
  for (std::size_t s = 0; s < plan.sizes.size(); ++s) {
    check_parts(instance.executors[s].src_shapes(), plan.src_elements, plan.sizes[s]);
    check_parts(instance.executors[s].dst_shapes(), plan.dst_elements, plan.sizes[s]);
    for (int run = 0; run < 3; ++run) instance.executors[s].execute(instance.src, instance.dst);
  }
  instance.batch.reserve(static_cast<std::size_t>(most));
  instance.results.resize(plan.dst_elements.size());
  return instance;
}

}  // namespace fulcrum::detail
