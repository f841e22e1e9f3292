// A libFuzzer target for what reads a model's message without its weights (onnx/graph/weights_in_file.hpp): where it
// takes a file that is a message, what it read and what it left in the file are the whole message.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include <fulcrum/onnx/graph/weights_in_file.hpp>

#include "memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace io = fulcrum::detail::onnx_io;
  const MemoryFile file(data, size);
  // Tensors of 4 bytes are left out: those of 16 KiB, as in use, would leave nothing else to change.
  const std::optional<io::LightMessage> light = io::LightMessageReader(file.descriptor(), size, 4).read();
  onnx::ModelProto whole;
  if (!whole.ParseFromArray(data, static_cast<int>(size)) || !light) return 0;
  onnx::ModelProto joined;
  if (!joined.ParseFromString(light->bytes)) std::abort();
  for (const auto& [index, range] : light->left_out) {
    if (index >= joined.graph().initializer_size() || range.offset > size || range.bytes > size - range.offset)
      std::abort();
    joined.mutable_graph()->mutable_initializer(index)->set_raw_data(data + range.offset, range.bytes);
  }
  if (joined.SerializeAsString() != whole.SerializeAsString()) std::abort();
  return 0;
}
