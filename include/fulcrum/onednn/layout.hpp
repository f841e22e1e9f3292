#pragma once
/// \file
/// Questions about memory layouts: are two the same in memory, is one row-major, where does an element lie.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/onednn/adapter.hpp>

namespace fulcrum::detail::onednn {

FULCRUM_DECLARE [[nodiscard]] DType dtype_from(dnnl::memory::data_type type);
[[nodiscard]] inline DType dtype_of_desc(const Desc& desc) { return dtype_from(data_type_of(desc)); }

FULCRUM_DECLARE [[nodiscard]] Shape shape_of(const Desc& desc);

/// Channels innermost: what (n, h, w, c) is in memory, as a layout of (n, c, h, w); likewise of (n, c, d, h, w).
FULCRUM_DECLARE [[nodiscard]] Desc channels_last_desc(const Shape& shape, DType dtype);
/// Whether a value of as many axes has channels and rows to order: (n, c, h, w) or (n, c, d, h, w).
[[nodiscard]] constexpr bool has_channels_last(std::size_t rank) noexcept { return rank == 4 || rank == 5; }

/// Channels in blocks that are innermost: nChw8c, nChw16c, and the same of (n, c, d, h, w). Padded to whole blocks.
/// \param block  4, 8 or 16
FULCRUM_DECLARE [[nodiscard]] Desc blocked_channels_desc(const Shape& shape, DType dtype, std::int64_t block);
/// The block of a layout that blocked_channels_desc() gives; 0 for any other.
FULCRUM_DECLARE [[nodiscard]] std::int64_t channel_block_of(const Desc& desc);

/// A run of equally spaced elements along one axis; a blocked axis has several.
struct Piece {
  std::size_t axis;
  std::int64_t extent;
  std::int64_t stride;  ///< in memory, in elements
  std::int64_t unit;    ///< one step of the piece in the axis' index
};

/// All pieces in row-major order of the logical index, as few as there can be.
FULCRUM_DECLARE [[nodiscard]] std::vector<Piece> pieces_of(const Blocking& b);

/// The layout as oneDNN names its formats: the axes from the outermost in memory to the innermost, a capital where the
/// axis is blocked, then the blocks ("abcd", "acdb", "aBcd8b").
FULCRUM_DECLARE [[nodiscard]] std::string layout_name(const Desc& desc);

/// Whether the elements lie in memory in row-major order without gaps.
FULCRUM_DECLARE [[nodiscard]] bool is_plain(const Desc& desc);

/// Whether two descriptors of equal dims put every element at the same place, whatever their names for it.
/// Weights of a convolution may carry compensation beside the elements: only activations are compared here.
FULCRUM_DECLARE [[nodiscard]] bool same_layout(const Desc& a, const Desc& b);

/// Where a part of a value begins [B] in the value's bytes, when the part lies there exactly as `part` does by itself:
/// in one piece and in the same order.
/// \param at  of the part's first element along the axis
FULCRUM_DECLARE [[nodiscard]] std::optional<std::size_t> place_of_part(const Desc& whole, const Desc& part,
                                                                       std::size_t axis, std::int64_t at);

/// The same layout for another element type; nothing for a blocked one.
FULCRUM_DECLARE [[nodiscard]] std::optional<Desc> with_dtype(const Desc& desc, DType dtype);

/// Where in a row the elements of one outermost index lie: offsets[k] is the place of the k-th element in row-major
/// order of the other axes, in a row of `width` elements.
struct RowLayout {
  std::vector<std::int64_t> offsets;
  std::int64_t width = 0;  ///< elements from one row to the next, zero padding included
};

/// Nothing when the outermost axis is not outermost in memory.
FULCRUM_DECLARE [[nodiscard]] std::optional<RowLayout> row_layout_of(const Desc& desc);

}  // namespace fulcrum::detail::onednn

#if FULCRUM_DEFINES(onednn)

namespace fulcrum::detail::onednn {

FULCRUM_DEFINE DType dtype_from(dnnl::memory::data_type type) {
  for (const DType dtype : {DType::f32, DType::bf16, DType::s8, DType::u8, DType::s32}) {
    if (data_type_of(dtype) == type) return dtype;
  }
  throw Error("oneDNN data type " + std::to_string(static_cast<int>(type)), "has no DType");
}

FULCRUM_DEFINE Shape shape_of(const Desc& desc) {
  const Dims dims = dims_of(desc);
  return {dims.begin(), dims.end()};
}

FULCRUM_DEFINE Desc channels_last_desc(const Shape& shape, DType dtype) {
  Dims strides(shape.size(), 1);
  std::int64_t stride = shape[1];
  for (std::size_t axis = shape.size(); axis-- > 2;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  strides[0] = stride;
  return {Dims(shape.begin(), shape.end()), data_type_of(dtype), strides};
}

FULCRUM_DEFINE Desc blocked_channels_desc(const Shape& shape, DType dtype, std::int64_t block) {
  using Tag = dnnl::memory::format_tag;
  const bool deep = shape.size() == 5;
  const Tag tag = block == 16  ? (deep ? Tag::nCdhw16c : Tag::nChw16c)
                  : block == 8 ? (deep ? Tag::nCdhw8c : Tag::nChw8c)
                               : (deep ? Tag::nCdhw4c : Tag::nChw4c);
  return {Dims(shape.begin(), shape.end()), data_type_of(dtype), tag};
}

FULCRUM_DEFINE std::int64_t channel_block_of(const Desc& desc) {
  const Blocking b = blocking_of(desc);
  if (!has_channels_last(b.dims.size()) || b.inner_blocks.size() != 1 || b.inner_axes[0] != 1) return 0;
  const std::int64_t block = b.inner_blocks[0];
  return block == 4 || block == 8 || block == 16 ? block : 0;
}

FULCRUM_DEFINE std::vector<Piece> pieces_of(const Blocking& b) {
  std::vector<std::vector<Piece>> by_axis(b.dims.size());
  std::vector<std::int64_t> block(b.dims.size(), 1);  // product of the blocks further in
  std::int64_t stride = 1;
  for (std::size_t i = b.inner_blocks.size(); i-- > 0;) {
    const auto axis = static_cast<std::size_t>(b.inner_axes[i]);
    by_axis[axis].push_back({axis, b.inner_blocks[i], stride, block[axis]});
    block[axis] *= b.inner_blocks[i];
    stride *= b.inner_blocks[i];
  }
  std::vector<Piece> pieces;
  for (std::size_t axis = 0; axis < b.dims.size(); ++axis) {
    by_axis[axis].push_back({axis, b.padded_dims[axis] / block[axis], b.strides[axis], block[axis]});
    for (std::size_t i = by_axis[axis].size(); i-- > 0;) {
      const Piece& piece = by_axis[axis][i];
      if (piece.extent == 1) continue;
      const bool continues = !pieces.empty() && pieces.back().axis == axis &&
                             pieces.back().stride == piece.stride * piece.extent &&
                             pieces.back().unit == piece.unit * piece.extent;
      if (continues) {  // blocks that follow one another are no blocks
        pieces.back() = {axis, pieces.back().extent * piece.extent, piece.stride, piece.unit};
      } else {
        pieces.push_back(piece);
      }
    }
  }
  return pieces;
}

FULCRUM_DEFINE std::string layout_name(const Desc& desc) {
  const Blocking b = blocking_of(desc);
  std::vector<std::size_t> axes(b.dims.size());
  for (std::size_t i = 0; i < axes.size(); ++i) axes[i] = i;
  std::stable_sort(axes.begin(), axes.end(), [&](std::size_t i, std::size_t j) { return b.strides[i] > b.strides[j]; });
  const auto letter = [](std::size_t axis, char first) { return static_cast<char>(first + static_cast<char>(axis)); };
  std::string name;
  for (const std::size_t axis : axes) {
    const bool blocked = std::count(b.inner_axes.begin(), b.inner_axes.end(), static_cast<std::int64_t>(axis)) > 0;
    name += letter(axis, blocked ? 'A' : 'a');
  }
  for (std::size_t i = 0; i < b.inner_blocks.size(); ++i) {
    name += std::to_string(b.inner_blocks[i]) + letter(static_cast<std::size_t>(b.inner_axes[i]), 'a');
  }
  return name;
}

FULCRUM_DEFINE bool is_plain(const Desc& desc) {
  const Blocking b = blocking_of(desc);
  if (b.dims != b.padded_dims) return false;
  const std::vector<Piece> pieces = pieces_of(b);
  std::int64_t stride = 1;
  for (std::size_t i = pieces.size(); i-- > 0;) {
    if (pieces[i].stride != stride) return false;
    stride *= pieces[i].extent;
  }
  return true;
}

FULCRUM_DEFINE bool same_layout(const Desc& a, const Desc& b) {
  if (a == b) return true;
  const Blocking x = blocking_of(a);
  const Blocking y = blocking_of(b);
  if (x.dims != y.dims || x.padded_dims != y.padded_dims) return false;
  const std::vector<Piece> p = pieces_of(x);
  const std::vector<Piece> q = pieces_of(y);
  return std::equal(p.begin(), p.end(), q.begin(), q.end(), [](const Piece& i, const Piece& j) {
    return i.axis == j.axis && i.extent == j.extent && i.stride == j.stride;
  });
}

FULCRUM_DEFINE std::optional<std::size_t> place_of_part(const Desc& whole, const Desc& part, std::size_t axis,
                                                        std::int64_t at) {
  const Blocking w = blocking_of(whole);
  const Blocking p = blocking_of(part);
  if (data_type_of(whole) != data_type_of(part) || w.inner_blocks != p.inner_blocks || w.inner_axes != p.inner_axes) {
    return std::nullopt;
  }
  std::int64_t block = 1;
  for (std::size_t i = 0; i < w.inner_axes.size(); ++i) {
    if (static_cast<std::size_t>(w.inner_axes[i]) == axis) block *= w.inner_blocks[i];
  }
  const bool last = at + p.dims[axis] == w.dims[axis];
  if (at % block != 0 || (!last && p.dims[axis] % block != 0)) return std::nullopt;
  for (std::size_t i = 0; i < w.dims.size(); ++i) {
    const std::int64_t extent = p.padded_dims[i];
    if (i != axis && extent != w.padded_dims[i]) return std::nullopt;
    std::int64_t blocks = extent;
    for (std::size_t b = 0; b < w.inner_axes.size(); ++b) {
      if (static_cast<std::size_t>(w.inner_axes[b]) == i) blocks /= w.inner_blocks[b];
    }
    if (blocks != 1 && w.strides[i] != p.strides[i]) return std::nullopt;
  }
  const std::int64_t elements = at / block * w.strides[axis];
  return static_cast<std::size_t>(elements) * size_of(dtype_of_desc(part));
}

FULCRUM_DEFINE std::optional<Desc> with_dtype(const Desc& desc, DType dtype) {
  if (dtype_of_desc(desc) == dtype) return desc;
  const Blocking b = blocking_of(desc);
  if (!b.inner_blocks.empty()) return std::nullopt;
  return Desc(b.dims, data_type_of(dtype), b.strides);
}

FULCRUM_DEFINE std::optional<RowLayout> row_layout_of(const Desc& desc) {
  const Blocking b = blocking_of(desc);
  if (b.dims.size() < 2 || b.dims[0] != b.padded_dims[0]) return std::nullopt;
  RowLayout row;
  std::int64_t count = 1;
  row.width = 1;
  for (std::size_t axis = 1; axis < b.dims.size(); ++axis) {
    count *= b.dims[axis];
    row.width *= b.padded_dims[axis];
  }
  if (b.dims[0] > 1 && b.strides[0] != row.width) return std::nullopt;
  for (const std::int64_t axis : b.inner_axes) {
    if (axis == 0) return std::nullopt;
  }
  const std::vector<Piece> pieces = pieces_of(b);
  row.offsets.reserve(static_cast<std::size_t>(count));
  std::vector<std::int64_t> index(b.dims.size(), 0);
  for (std::int64_t k = 0; k < count; ++k) {
    std::int64_t left = k;
    for (std::size_t axis = b.dims.size(); axis-- > 1;) {
      index[axis] = left % b.dims[axis];
      left /= b.dims[axis];
    }
    std::int64_t offset = 0;
    for (const Piece& piece : pieces) offset += index[piece.axis] / piece.unit % piece.extent * piece.stride;
    if (offset >= row.width) return std::nullopt;  // not one dense block
    row.offsets.push_back(offset);
  }
  return row;
}

}  // namespace fulcrum::detail::onednn

#endif
