#include <fulcrum/core/file.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <support/catch.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;
using fulcrum::test::TemporaryFolder;

TEST_CASE("what is written is what is read") {
  const TemporaryFolder folder;
  const std::string path = folder.path("a.bin");
  std::string bytes = "first\0second\n";
  bytes.push_back('\xff');
  write_file_atomically(path, bytes);
  CHECK(read_file(path) == bytes);
  write_file_atomically(path, "");
  CHECK(read_file(path).empty());
  write_file_atomically(path, std::string(300'000, 'x'));
  CHECK(read_file(path) == std::string(300'000, 'x'));
  CHECK(folder.files() == 1);
}

TEST_CASE("a file that is missing or a folder is refused by name") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(read_file(folder.path("none")), ContainsSubstring("none: does not exist; check the path"));
  CHECK_THROWS_WITH(read_file(folder.path("")), ContainsSubstring("is a folder"));
}

TEST_CASE("a file or a pipe that holds more than may be is refused") {
  const TemporaryFolder folder;
  const std::string path = folder.path("a");
  write_file_atomically(path, "12345");
  CHECK(read_file(path, 5) == "12345");
  CHECK_THROWS_WITH(read_file(path, 4), ContainsSubstring("a: holds more than 4 bytes"));
  const std::string pipe = folder.path("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const auto before = std::signal(SIGPIPE, SIG_IGN);  // of the writer, when the reader has had enough
  std::thread writer([&] { std::ofstream(pipe) << std::string(100'000, 'x'); });
  CHECK_THROWS_WITH(read_file(pipe, 50'000), ContainsSubstring("pipe: holds more than 50000 bytes"));
  writer.join();
  std::signal(SIGPIPE, before);
}

TEST_CASE("a device is no file, and a pipe is one when somebody writes to it") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(read_file("/dev/zero"), ContainsSubstring("/dev/zero: is a device, not a file"));
  CHECK_THROWS_WITH(read_file("/dev/null"), ContainsSubstring("/dev/null: is a device, not a file"));
  const std::string pipe = folder.path("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THROWS_WITH(read_file(pipe), ContainsSubstring("pipe: is a pipe that nobody writes to"));
  std::thread writer([&] { std::ofstream(pipe) << std::string(200'000, 'x'); });
  CHECK(read_file(pipe).size() == 200'000);
  writer.join();
  // A writer that takes its time is waited for.
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  std::thread late([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1200));
    CHECK(::write(ends[1], "late", 4) == 4);
    ::close(ends[1]);
  });
  CHECK(read_file("/proc/self/fd/" + std::to_string(ends[0])) == "late");
  late.join();
  ::close(ends[0]);
}

TEST_CASE("an output that cannot be written is refused and nothing is left behind") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(write_file_atomically(folder.path("no/such/folder"), "x"),
                    ContainsSubstring("its folder does not exist"));
  CHECK_THROWS_WITH(write_file_atomically(folder.path(""), "x"), ContainsSubstring("it is a folder"));
  CHECK_THROWS_WITH(write_file_atomically("/dev/full", "x"), ContainsSubstring("/dev/full: cannot be written ("));
  CHECK(folder.files() == 0);
}

TEST_CASE("a write that fails half-way leaves the old file as it was") {
  const TemporaryFolder folder;
  const std::string path = folder.path("model.onnx");
  write_file_atomically(path, "old");

  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1024, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  try {
    write_file_atomically(path, std::string(100'000, 'x'));
  } catch (const Error& error) {
    message = error.what();
  }
  REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);

  CHECK_THAT(message, ContainsSubstring("model.onnx: cannot be written ("));
  CHECK(read_file(path) == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("replacing a file keeps its permissions and the symbolic link that leads to it") {
  namespace fs = std::filesystem;
  const TemporaryFolder folder;
  const std::string path = folder.path("file");
  const std::string link = folder.path("link");
  write_file_atomically(path, "old");
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("file", link);
  write_file_atomically(link, "new");
  CHECK(fs::is_symlink(link));
  CHECK(read_file(path) == "new");
  CHECK(fs::status(path).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("a device is written to directly and stays a device") {
  write_file_atomically("/dev/null", "x");
  CHECK(std::filesystem::is_character_file("/dev/null"));
}
