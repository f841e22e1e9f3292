#include <fulcrum/data/idx.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

#include <zlib.h>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

/// A folder of its own, gone at the end.
class IdxFolder {
public:
  IdxFolder() : path_(std::filesystem::temp_directory_path() / ("fulcrum_idx_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~IdxFolder() { std::filesystem::remove_all(path_); }
  IdxFolder(const IdxFolder&) = delete;
  IdxFolder& operator=(const IdxFolder&) = delete;

  [[nodiscard]] std::string plain(const std::string& bytes) const {
    const auto path = path_ / "file";
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }
  [[nodiscard]] std::string gzipped(const std::string& bytes) const {
    const auto path = (path_ / "file.gz").string();
    const gzFile file = gzopen(path.c_str(), "wb");
    REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
    REQUIRE(gzclose(file) == Z_OK);
    return path;
  }

private:
  std::filesystem::path path_;
};

std::string operator""_bytes(const char* text, std::size_t size) { return {text, size}; }

// (2, 3): 1 2 3 / 4 5 255
const std::string small = "\0\0\x08\x02\0\0\0\x02\0\0\0\x03\x01\x02\x03\x04\x05\xff"_bytes;

}  // namespace

TEST_CASE("an IDX file reads the same plain and gzipped") {
  const IdxFolder folder;
  for (const std::string& path : {folder.plain(small), folder.gzipped(small)}) {
    const IdxArray array = read_idx(path);
    CHECK(array.shape == Shape{2, 3});
    CHECK(array.values == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 255});
  }
}

TEST_CASE("a file larger than one chunk reads whole") {
  const IdxFolder folder;
  std::string bytes = "\0\0\x08\x01\0\x30\0\x05"_bytes;  // 3 MiB and 5 bytes
  for (std::size_t i = 0; i < (std::size_t{3} << 20U) + 5; ++i) bytes.push_back(static_cast<char>(i % 251));
  const IdxArray array = read_idx(folder.gzipped(bytes));
  REQUIRE(array.values.size() == (std::size_t{3} << 20U) + 5);
  bool equal = true;
  for (std::size_t i = 0; i < array.values.size(); ++i) equal = equal && array.values[i] == i % 251;
  CHECK(equal);
}

TEST_CASE("a file that is cut is refused wherever the cut is") {
  const IdxFolder folder;
  for (std::size_t size = 0; size < small.size(); ++size) {
    CHECK_THROWS_WITH(read_idx(folder.plain(small.substr(0, size))), ContainsSubstring("is cut"));
  }
}

TEST_CASE("a gzip stream that is cut or damaged is refused") {
  const IdxFolder folder;
  std::string noise(5000, '\0');
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>((i * i * 2654435761U) >> 13U);
  const std::string path = folder.gzipped("\0\0\x08\x01\0\0\x13\x88"_bytes + noise);
  std::ifstream in(path, std::ios::binary);
  const std::string packed{std::istreambuf_iterator<char>(in), {}};
  CHECK_THROWS_WITH(read_idx(folder.plain(packed.substr(0, packed.size() / 2))), ContainsSubstring("is cut"));
  std::string damaged = packed;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 0x55);  // in the checksum
  CHECK_THROWS_WITH(read_idx(folder.plain(damaged)), ContainsSubstring("cannot be read"));
}

TEST_CASE("memory does not follow a header that promises terabytes") {
  const IdxFolder folder;
  CHECK_THROWS_WITH(read_idx(folder.plain("\0\0\x08\x02\x7f\xff\xff\xff\0\0\x7f\xff\x01\x02"_bytes)),
                    ContainsSubstring("holds 2"));
  CHECK_THROWS_WITH(read_idx(folder.plain("\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"_bytes)),
                    ContainsSubstring("absurd"));
}

TEST_CASE("what is no IDX file of bytes is refused") {
  const IdxFolder folder;
  CHECK_THROWS_WITH(read_idx(folder.plain("not an IDX file")), ContainsSubstring("no IDX file"));
  CHECK_THROWS_WITH(read_idx(folder.plain("\0\0\x08\0"_bytes)), ContainsSubstring("no IDX file"));
  CHECK_THROWS_WITH(read_idx(folder.plain("\0\0\x0d\x01\0\0\0\0"_bytes)), ContainsSubstring("element type 13"));
  CHECK_THROWS_WITH(read_idx(folder.plain(small + "x")), ContainsSubstring("more than its header"));
  CHECK_THROWS_WITH(read_idx("/nonexistent/file"), ContainsSubstring("/nonexistent/file"));
  CHECK_THROWS_AS(read_idx("/tmp"), Error);
}
