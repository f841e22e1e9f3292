#pragma once
/// \file
/// Weights that stay in the model's file until they are asked for: its message is read without them.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fulcrum/core/file.hpp>
#include <fulcrum/onnx/graph/external_data.hpp>
#include <fulcrum/onnx/graph/proto.hpp>

namespace fulcrum::detail::onnx_io {

/// Bytes of a file.
struct FileRange {
  std::uint64_t offset = 0;
  std::size_t bytes = 0;
};

/// A message without the `raw_data` of its larger initializers, which is empty there.
struct LightMessage {
  std::string bytes;
  std::vector<std::pair<int, FileRange>> left_out;  ///< index of the initializer, where its raw_data lies
};

/// Reads a ModelProto's wire format: the fields as they are, in their order, but for raw_data. What it does not take
/// for granted it gives up on, and the whole message is read then.
class LightMessageReader {
public:
  /// \param size  [B] of the file
  LightMessageReader(int descriptor, std::uint64_t size) : descriptor_(descriptor), size_(size) {}

  /// Nothing for what is no message of the usual form, or still has much in it.
  [[nodiscard]] std::optional<LightMessage> read() && {
    if (!read_message(Message::model, size_, light_.bytes)) return std::nullopt;
    return std::move(light_);
  }

private:
  enum class Message { model, graph, tensor };
  static constexpr std::uint64_t model_graph = 7, graph_initializer = 5, tensor_raw_data = 9;  // numbers of fields
  static constexpr std::size_t worth_it = std::size_t{16} << 10U;                              // [B] of a tensor
  static constexpr std::size_t most = std::size_t{32} << 20U;                                  // [B] of the rest

  [[nodiscard]] bool read_message(Message message, std::uint64_t end, std::string& to) {
    bool has_special = false;  // the graph of a model, the raw_data of a tensor: once at most
    while (at_ < end) {
      std::uint64_t tag = 0;
      if (!read_varint(end, tag)) return false;
      switch (tag & 7U) {
        case 0: {
          std::uint64_t value = 0;
          if (!read_varint(end, value)) return false;
          append_varint(to, tag);
          append_varint(to, value);
          break;
        }
        case 1:
        case 5:
          append_varint(to, tag);
          if (!copy((tag & 7U) == 1 ? 8 : 4, end, to)) return false;
          break;
        case 2: {
          std::uint64_t length = 0;
          if (!read_varint(end, length) || length > end - at_) return false;
          const std::uint64_t field = tag >> 3U;
          const bool special = (message == Message::model && field == model_graph) ||
                               (message == Message::tensor && field == tensor_raw_data);
          if (special && std::exchange(has_special, true)) return false;  // a later one adds to the first
          if (!read_field(message, field, tag, length, to)) return false;
          break;
        }
        default: return false;
      }
      if (to.size() > most) return false;
    }
    return true;
  }

  [[nodiscard]] bool read_field(Message message, std::uint64_t field, std::uint64_t tag, std::uint64_t length,
                                std::string& to) {
    append_varint(to, tag);
    const bool is_graph = message == Message::model && field == model_graph;
    const bool is_initializer = message == Message::graph && field == graph_initializer;
    if (is_graph || is_initializer) {
      std::string inner;
      if (!read_message(is_graph ? Message::graph : Message::tensor, at_ + length, inner)) return false;
      if (is_initializer) ++initializers_;
      append_varint(to, inner.size());
      to += inner;
      return true;
    }
    if (message == Message::tensor && field == tensor_raw_data && length >= worth_it) {
      light_.left_out.push_back({initializers_, {at_, static_cast<std::size_t>(length)}});
      append_varint(to, 0);
      at_ += length;
      return true;
    }
    append_varint(to, length);
    return copy(length, at_ + length, to);
  }

  [[nodiscard]] bool copy(std::uint64_t count, std::uint64_t end, std::string& to) {
    if (count > end - at_ || count > most) return false;
    const std::size_t before = to.size();
    to.resize(before + static_cast<std::size_t>(count));
    const std::uint64_t buffered = at_ >= begin_ && at_ + count <= begin_ + buffer_.size() ? count : 0;
    if (buffered == count)
      std::memcpy(to.data() + before, buffer_.data() + (at_ - begin_), static_cast<std::size_t>(count));
    else if (read_at(descriptor_, at_, static_cast<std::size_t>(count), to.data() + before) != 0)
      return false;
    at_ += count;
    return true;
  }

  [[nodiscard]] bool read_varint(std::uint64_t end, std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ >= end) return false;
      if (at_ < begin_ || at_ >= begin_ + buffer_.size()) {
        constexpr std::uint64_t piece = 4096;  // [B]: what lies between two large tensors
        begin_ = at_;
        buffer_.resize(static_cast<std::size_t>(std::min(piece, size_ - at_)));
        if (read_at(descriptor_, at_, buffer_.size(), buffer_.data()) != 0) return false;
      }
      const auto byte = static_cast<std::uint8_t>(buffer_[static_cast<std::size_t>(at_++ - begin_)]);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80U) return true;
    }
    return false;
  }

  static void append_varint(std::string& to, std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7U) to += static_cast<char>(value | 0x80U);
    to += static_cast<char>(value);
  }

  int descriptor_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
  std::uint64_t begin_ = 0;  // of the buffer
  std::string buffer_;
  int initializers_ = 0;
  LightMessage light_;
};

/// The initializers of a message whose bytes are still in its file.
class WeightsInFile {
public:
  /// None.
  WeightsInFile() = default;

  /// Parses the file's message, without the bytes of its larger initializers.
  /// \param proto  as parsed; must outlive the result and not be changed
  /// Nothing where the message is of no usual form: it may be parsed as a whole.
  [[nodiscard]] static std::optional<WeightsInFile> parse(std::shared_ptr<const FileDescriptor> file,
                                                          std::uint64_t size, ::onnx::ModelProto& proto) {
    const std::optional<LightMessage> light = LightMessageReader(file->get(), size).read();
    if (!light || light->left_out.empty() || !proto.ParseFromString(light->bytes)) return std::nullopt;
    WeightsInFile result;
    for (const auto& [index, range] : light->left_out) {
      if (index >= proto.graph().initializer_size()) return std::nullopt;
      result.ranges_.emplace(&proto.graph().initializer(index), range);
    }
    result.file_ = std::move(file);
    return result;
  }

  /// Where a tensor's bytes are; nullptr: in the message, or elsewhere.
  [[nodiscard]] const FileRange* find(const Proto& tensor) const {
    const auto at = ranges_.find(&tensor);
    return at == ranges_.end() ? nullptr : &at->second;
  }

  /// \throws Error when they cannot be read
  void read(const FileRange& range, char* to) const {
    const int error = read_at(file_->get(), range.offset, range.bytes, to);
    if (error == 0) return;
    std::string what = "cannot be read (";
    throw Error("", what.append(std::strerror(error)).append(")"), "check the disk");
  }

private:
  std::shared_ptr<const FileDescriptor> file_;
  std::unordered_map<const Proto*, FileRange> ranges_;
};

}  // namespace fulcrum::detail::onnx_io
