#pragma once
/// \file
/// IDX files, the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist: two zero bytes, an element type,
/// the rank, one big-endian 32-bit extent per axis, the elements in row-major order), gzipped or plain.

#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/core/linkage.hpp>
#include <fulcrum/core/shape.hpp>

namespace fulcrum {

/// The content of an IDX file of unsigned bytes.
struct IdxArray {
  Shape shape;                       ///< outermost first; rank 1 … 8
  std::vector<std::uint8_t> values;  ///< row-major, element_count(shape) of them
};

/// Reads an IDX file of unsigned bytes. Memory grows with what the file really holds, whatever its header claims.
/// \throws Error when it cannot be opened, is no IDX file, is cut, or holds more than its header says
FULCRUM_DECLARE [[nodiscard]] IdxArray read_idx(const std::string& path);

}  // namespace fulcrum

#if FULCRUM_DEFINES(data)

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include <zlib.h>

namespace fulcrum::detail {

/// A file read through zlib, which passes plain files on as they are.
class GzipReader {
public:
  explicit GzipReader(std::string path)
      : path_(std::move(path)), file_(gzdopen(open_to_read(path_), "rb"), &gzclose_r) {
    if (!file_) throw Error(path_, std::string("cannot be opened: ") + std::strerror(errno));
    gzbuffer(file_.get(), 1U << 17U);
  }

  /// Reads up to `size` bytes; fewer only at the end of the file.
  /// \throws Error when the file cannot be read or its gzip stream is damaged or cut
  std::size_t read(std::uint8_t* to, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
      const auto wanted = static_cast<unsigned>(std::min<std::size_t>(size - done, std::size_t{1} << 30U));
      const int got = gzread(file_.get(), to + done, wanted);
      int code = Z_OK;
      const char* message = gzerror(file_.get(), &code);
      if (got < 0 || (code != Z_OK && code != Z_STREAM_END)) {
        if (code == Z_BUF_ERROR) throw Error(path_, "is cut: its gzip stream ends early", "fetch the file again");
        throw Error(path_, std::string("cannot be read: ") + (code == Z_ERRNO ? std::strerror(errno) : message));
      }
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

private:
  std::string path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE IdxArray read_idx(const std::string& path) {
  detail::GzipReader file(path);
  std::array<std::uint8_t, 4> word{};
  const auto read_word = [&] {
    if (file.read(word.data(), word.size()) != word.size()) {
      throw Error(path, "is cut: it ends within its header", "fetch the file again");
    }
  };

  read_word();
  const std::size_t rank = word[3];
  if (word[0] != 0 || word[1] != 0 || rank < 1 || rank > 8) {
    throw Error(path, "is no IDX file: it does not start with 00 00, a type and a rank from 1 to 8");
  }
  constexpr std::uint8_t unsigned_byte = 0x08;
  if (word[2] != unsigned_byte) {
    throw Error(path, "is an IDX file of element type " + std::to_string(word[2]),
                "give one of unsigned bytes (type 8)");
  }
  IdxArray array;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    read_word();
    array.shape.push_back((std::int64_t{word[0]} << 24U) | (std::int64_t{word[1]} << 16U) |
                          (std::int64_t{word[2]} << 8U) | std::int64_t{word[3]});
  }
  std::int64_t expected = 0;
  try {
    expected = element_count(array.shape);
  } catch (const Error&) {
    throw Error(path, "has a header of absurd extents " + to_string(array.shape));
  }

  constexpr std::int64_t chunk = std::int64_t{1} << 20U;
  for (std::int64_t done = 0; done < expected;) {
    const std::int64_t wanted = std::min(chunk, expected - done);
    array.values.resize(static_cast<std::size_t>(done + wanted));
    const auto got = static_cast<std::int64_t>(file.read(array.values.data() + done, static_cast<std::size_t>(wanted)));
    done += got;
    if (got != wanted) {
      throw Error(path,
                  "is cut: its header " + to_string(array.shape) + " promises " + std::to_string(expected) +
                      " elements and it holds " + std::to_string(done),
                  "fetch the file again");
    }
  }
  if (file.read(word.data(), 1) != 0) {
    throw Error(path, "holds more than its header " + to_string(array.shape) + " says");
  }
  return array;
}

}  // namespace fulcrum

#endif
