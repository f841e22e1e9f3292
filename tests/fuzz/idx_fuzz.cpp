// A libFuzzer target for IDX files, plain or gzipped: any bytes give an Error, or as many values as the shape says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <fulcrum/data/idx.hpp>

#include "memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(data, size);
  try {
    const fulcrum::IdxArray array = fulcrum::read_idx(file.path());
    if (array.values.size() != static_cast<std::size_t>(fulcrum::element_count(array.shape))) std::abort();
  } catch (const fulcrum::Error&) {
  }
  return 0;
}
