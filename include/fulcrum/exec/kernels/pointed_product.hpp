#pragma once
/// \file
/// A product of oneDNN's inside a step of Fulcrum's own.

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/onednn/adapter.hpp>
#include <fulcrum/onednn/layout.hpp>

namespace fulcrum::detail::onednn {

/// One primitive with arguments that others point at: (src, weights, bias) → dst.
class PointedProduct {
public:
  struct Descs {
    Desc src, weights, bias, dst, scratchpad;
  };

  PointedProduct(dnnl::primitive primitive, Descs descs, std::vector<RuntimeArgument> runtime);
  /// A copy has memory objects of its own: each executor points its own at its arena.
  PointedProduct(const PointedProduct& other);
  PointedProduct& operator=(const PointedProduct&) = delete;
  ~PointedProduct() = default;

  /// \throws dnnl::error
  void run(const dnnl::stream& stream, void* src, void* weights, void* bias, void* scratchpad, void* dst);

private:
  dnnl::primitive primitive_;
  Descs descs_;
  std::vector<RuntimeArgument> runtime_;
  std::array<dnnl::memory, 5> memories_;
  std::vector<dnnl::memory> runtime_memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

inline PointedProduct::PointedProduct(dnnl::primitive primitive, Descs descs, std::vector<RuntimeArgument> runtime)
    : primitive_(std::move(primitive)), descs_(std::move(descs)), runtime_(std::move(runtime)) {
  const dnnl::engine& engine = cpu_engine();
  const std::array<std::pair<int, const Desc*>, 5> given{{{DNNL_ARG_SRC, &descs_.src},
                                                          {DNNL_ARG_WEIGHTS, &descs_.weights},
                                                          {DNNL_ARG_BIAS, &descs_.bias},
                                                          {DNNL_ARG_SCRATCHPAD, &descs_.scratchpad},
                                                          {DNNL_ARG_DST, &descs_.dst}}};
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i].second->get_size() == 0) continue;
    memories_[i] = dnnl::memory(*given[i].second, engine, nullptr);
    arguments_.push_back({given[i].first, memories_[i].get()});
  }
  for (RuntimeArgument& extra : runtime_) {
    const auto scales = std::get_if<std::vector<float>>(&extra.value);
    const auto count = static_cast<std::int64_t>(scales != nullptr ? scales->size() : 1);
    void* at = scales != nullptr ? static_cast<void*>(scales->data()) : &std::get<std::int32_t>(extra.value);
    runtime_memories_.emplace_back(plain_desc({count}, scales != nullptr ? DType::f32 : DType::s32), engine, at);
    arguments_.push_back({extra.id, runtime_memories_.back().get()});
  }
}

inline PointedProduct::PointedProduct(const PointedProduct& other)
    : PointedProduct(other.primitive_, other.descs_, other.runtime_) {}

inline void PointedProduct::run(const dnnl::stream& stream, void* src, void* weights, void* bias, void* scratchpad,
                                void* dst) {
  const std::array<void*, 5> places{src, weights, bias, scratchpad, dst};
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (memories_[i] && memories_[i].get_data_handle() != places[i]) memories_[i].set_data_handle(places[i]);
  }
  dnnl::error::wrap_c_api(
      dnnl_primitive_execute(primitive_.get(), stream.get(), static_cast<int>(arguments_.size()), arguments_.data()),
      "a product inside a step failed");
}

}  // namespace fulcrum::detail::onednn
