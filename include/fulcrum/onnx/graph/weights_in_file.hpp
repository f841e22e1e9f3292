#pragma once
/// \file
/// Weights that stay in the model's file until they are asked for: its message is read without them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>

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
  /// \param descriptor  of a file that is read from its beginning
  /// \param size        [B] of it; no more than a protobuf message may have
  /// \param worth_it    [B] of a tensor from which on it is left out
  LightMessageReader(int descriptor, std::uint64_t size, std::size_t worth_it = std::size_t{16} << 10U)
      : file_(descriptor, block), input_(&file_), size_(static_cast<int>(size)), worth_it_(worth_it) {}

  /// Nothing for what is no message of the usual form, or still has much in it.
  [[nodiscard]] std::optional<LightMessage> read() && {
    if (!read_message(Message::model, size_, light_.bytes)) return std::nullopt;
    return std::move(light_);
  }

private:
  using Coded = google::protobuf::io::CodedInputStream;
  enum class Message { model, graph, tensor };
  enum class WireType : std::uint32_t { varint = 0, fixed64 = 1, length_delimited = 2, fixed32 = 5 };
  static constexpr std::uint32_t model_graph = 7, graph_initializer = 5, tensor_raw_data = 9;  // numbers of fields
  static constexpr int block = 4096;                           // [B]: what lies between two large tensors
  static constexpr std::size_t most = std::size_t{32} << 20U;  // [B] of the rest

  [[nodiscard]] bool read_message(Message message, int length, std::string& to) {
    const Coded::Limit outer = input_.PushLimit(length);
    bool has_special = false;  // the graph of a model, the raw_data of a tensor: once at most
    while (input_.BytesUntilLimit() > 0) {
      const std::uint32_t tag = input_.ReadTag();
      if (tag == 0) return false;
      append_varint(to, tag);
      if (!read_field(message, tag, has_special, to) || to.size() > most) return false;
    }
    input_.PopLimit(outer);
    return true;
  }

  [[nodiscard]] bool read_field(Message message, std::uint32_t tag, bool& has_special, std::string& to) {
    std::uint64_t value = 0;
    switch (static_cast<WireType>(tag & 7U)) {
      case WireType::varint:
        if (!input_.ReadVarint64(&value)) return false;
        append_varint(to, value);
        return true;
      case WireType::fixed64: return copy(8, to);
      case WireType::fixed32: return copy(4, to);
      case WireType::length_delimited: break;
      default: return false;
    }
    if (!input_.ReadVarint64(&value) || value > static_cast<std::uint64_t>(input_.BytesUntilLimit())) return false;
    const auto length = static_cast<int>(value);
    const std::uint32_t field = tag >> 3U;
    const bool is_graph = message == Message::model && field == model_graph;
    const bool is_initializer = message == Message::graph && field == graph_initializer;
    const bool is_raw_data = message == Message::tensor && field == tensor_raw_data;
    if ((is_graph || is_raw_data) && std::exchange(has_special, true)) return false;  // a later one adds to the first
    if (is_graph || is_initializer) {
      std::string inner;
      if (!read_message(is_graph ? Message::graph : Message::tensor, length, inner)) return false;
      if (is_initializer) ++initializers_;
      append_varint(to, inner.size());
      to += inner;
      return true;
    }
    if (is_raw_data && value >= worth_it_) {
      light_.left_out.push_back(
          {initializers_, {static_cast<std::uint64_t>(input_.CurrentPosition()), static_cast<std::size_t>(value)}});
      append_varint(to, 0);
      return input_.Skip(length);
    }
    append_varint(to, value);
    return copy(length, to);
  }

  [[nodiscard]] bool copy(int count, std::string& to) {
    if (static_cast<std::size_t>(count) > most) return false;
    const std::size_t before = to.size();
    to.resize(before + static_cast<std::size_t>(count));
    return input_.ReadRaw(to.data() + before, count);
  }

  static void append_varint(std::string& to, std::uint64_t value) {
    std::array<std::uint8_t, 10> bytes{};  // 64 bits, 7 in each
    std::uint8_t* const end = google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(value, bytes.data());
    to.append(bytes.begin(), bytes.begin() + (end - bytes.data()));
  }

  google::protobuf::io::FileInputStream file_;
  Coded input_;
  int size_;
  std::uint64_t worth_it_;
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
