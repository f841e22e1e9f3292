// A libFuzzer target for .npy files: any bytes give an Error, or an array that is read back as it was written.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <fulcrum/data/npy.hpp>

#include "memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file(data, size);
  try {
    const fulcrum::NpyArray array = fulcrum::load_npy_array(file.path());
    const MemoryFile empty(nullptr, 0);
    fulcrum::save_npy(array.values, empty.path());
    const fulcrum::Tensor<float> again = fulcrum::load_npy(empty.path());
    if (again.dims() != array.values.dims()) std::abort();
    for (std::size_t i = 0; i < again.flat().size(); ++i) {
      const float was = array.values.flat()[i];
      const float is = again.flat()[i];
      if (was == was ? std::bit_cast<std::uint32_t>(was) != std::bit_cast<std::uint32_t>(is) : is == is) std::abort();
    }
  } catch (const fulcrum::Error&) {
  }
  return 0;
}
