// expect: layer.work\(src, dst\)
#include <fulcrum/layers/layer.hpp>

// A layer states its shape and its cost; one that leaves out its cost is none.
struct Identity {
  static constexpr std::string_view kind = "Identity";
  [[nodiscard]] static constexpr fulcrum::LayerFacts facts() { return {}; }
  [[nodiscard]] fulcrum::Shape dst_shape(std::span<const fulcrum::Shape> src) const { return src[0]; }
#ifndef MUST_FAIL
  [[nodiscard]] fulcrum::Work work(std::span<const fulcrum::Shape>, const fulcrum::Shape&) const { return {}; }
#endif
  friend bool operator==(const Identity&, const Identity&) = default;
};

static_assert(fulcrum::LayerType<Identity>);
