#pragma once
/// \file
/// Whole files: read at once, written so that a reader sees the old content or the new, never a part.

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

namespace detail {

/// Closes a file descriptor at the end of its scope.
class FileDescriptor {
public:
  explicit FileDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  [[nodiscard]] int get() const noexcept { return descriptor_; }
  [[nodiscard]] bool valid() const noexcept { return descriptor_ >= 0; }
  /// Whose close is the caller's business from now on.
  [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }
  /// Closes now; false with errno set when the last bytes could not be written.
  [[nodiscard]] bool close() noexcept { return ::close(std::exchange(descriptor_, -1)) == 0; }

private:
  int descriptor_;
};

FULCRUM_DECLARE [[noreturn]] void cannot_read(const std::string& path, int error);

/// Opens a file or a pipe for reading, and does not wait for ever for a pipe's writer.
/// \throws Error when it is missing, a folder, a device, a pipe nobody writes to, or unreadable
FULCRUM_DECLARE [[nodiscard]] int open_to_read(const std::string& path);

/// Writes everything; false with errno set when that fails.
FULCRUM_DECLARE [[nodiscard]] bool write_all(int descriptor, std::string_view bytes) noexcept;

/// Where a path leads when it is a symbolic link, so that replacing the file keeps the link.
FULCRUM_DECLARE [[nodiscard]] std::string resolved_path(const std::string& path);

FULCRUM_DECLARE [[nodiscard]] std::string folder_of(const std::string& path);

}  // namespace detail

/// The bytes of a file, or of a pipe until its end. Nobody may write to a pipe yet: that is waited for, for a second.
/// \param most  bytes that it may hold, for what is known to be small
/// \throws Error when it is missing, a folder, a device, a pipe nobody writes to or unreadable, or holds more
FULCRUM_DECLARE [[nodiscard]] std::string read_file(const std::string& path,
                                                    std::size_t most = std::numeric_limits<std::size_t>::max());

/// Puts `bytes` in place of the file at `path`, all or nothing: they go to a temporary file in the same folder, are
/// flushed to the disk and renamed over the old one. Whatever fails, the old file stays as it was and nothing else is
/// left behind. A symbolic link is followed, permissions of an existing file are kept; something that is no regular
/// file (/dev/stdout, a pipe) is written to directly.
/// \throws Error when the file cannot be written
FULCRUM_DECLARE void write_file_atomically(const std::string& path, std::string_view bytes);

/// Says now what write_file_atomically() would say later: whether a file can be put at `path`. For use before work that
/// takes minutes.
/// \throws Error when it cannot
FULCRUM_DECLARE void check_writable(const std::string& path);

}  // namespace fulcrum

#if FULCRUM_DEFINES(core)

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace fulcrum::detail {

FULCRUM_DEFINE std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string(".") : slash == 0 ? std::string("/") : path.substr(0, slash);
}

/// Removes a temporary file unless it was kept.
class TemporaryFile {
public:
  explicit TemporaryFile(std::string path) : path_(std::move(path)) {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  void keep() noexcept { path_.clear(); }

private:
  std::string path_;
};

FULCRUM_DEFINE void cannot_read(const std::string& path, int error) {
  if (error == ENOENT) throw Error(path, "does not exist", "check the path");
  if (error == EISDIR) throw Error(path, "is a folder, not a file", "give a file");
  std::string what = "cannot be read (";
  what.append(std::strerror(error)).append(")");
  throw Error(path, what, "check the path and its permissions");
}

/// Whether somebody has the other end of a pipe open. Takes nothing out of it.
FULCRUM_DECLARE [[nodiscard]] bool has_writer(int pipe) noexcept {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return true;
  const FileDescriptor out(ends[0]);
  const FileDescriptor in(ends[1]);
  return ::tee(pipe, in.get(), 1, SPLICE_F_NONBLOCK) != 0;  // 0: no data, and none can come
}

FULCRUM_DEFINE int open_to_read(const std::string& path) {
  // Opening a pipe waits for its writer, and reading a device may never end: look before either can happen.
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file.valid() || ::fstat(file.get(), &status) != 0) cannot_read(path, errno);
  if (S_ISDIR(status.st_mode)) cannot_read(path, EISDIR);
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) throw Error(path, "is a device, not a file", "give a file");
  if (S_ISFIFO(status.st_mode)) {
    constexpr int patience_ms = 1000;
    ::pollfd wanted{file.get(), POLLIN, 0};
    if (::poll(&wanted, 1, patience_ms) == 0 && !has_writer(file.get()))
      throw Error(path, "is a pipe that nobody writes to", "give a file");
  }
  if (const int flags = ::fcntl(file.get(), F_GETFL); flags != -1)
    static_cast<void>(::fcntl(file.get(), F_SETFL, flags & ~O_NONBLOCK));
  return file.release();
}

FULCRUM_DECLARE [[noreturn]] void cannot_write(const std::string& path, int error) {
  if (error == ENOENT) throw Error(path, "cannot be written: its folder does not exist", "create the folder first");
  if (error == EISDIR) throw Error(path, "cannot be written: it is a folder", "give a file");
  std::string what = "cannot be written (";
  what.append(std::strerror(error)).append(")");
  throw Error(path, what, "check the folder, its permissions and the free space");
}

FULCRUM_DEFINE bool write_all(int descriptor, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

FULCRUM_DEFINE std::string resolved_path(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  std::string result = resolved == nullptr ? path : std::string(resolved);
  std::free(resolved);  // NOLINT(cppcoreguidelines-no-malloc): realpath allocates so
  return result;
}

/// Opens a file of its own name in a folder; the umask gives its permissions, as for any other file.
FULCRUM_DECLARE [[nodiscard]] std::pair<int, std::string> create_temporary(const std::string& folder) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    std::string path = folder;
    path.append("/.fulcrum-").append(std::to_string(::getpid())).append("-").append(std::to_string(attempt));
    path += ".tmp";
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return {descriptor, std::move(path)};
  }
  return {-1, {}};
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string read_file(const std::string& path, std::size_t most) {
  const detail::FileDescriptor file(detail::open_to_read(path));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) detail::cannot_read(path, errno);

  const auto check_size = [&](std::size_t size) {
    if (size > most)
      throw Error(path, "holds more than " + std::to_string(most) + " bytes", "check that it is the file you mean");
  };
  if (S_ISREG(status.st_mode)) check_size(static_cast<std::size_t>(status.st_size));

  std::string bytes;
  std::size_t size = 0;
  // One byte more than a regular file holds, so that its end is seen without growing the buffer.
  bytes.resize(S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) + 1 : std::size_t{1} << 16U);
  for (;;) {
    if (size == bytes.size()) bytes.resize(2 * size);
    const ssize_t got = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) detail::cannot_read(path, errno);
    size += static_cast<std::size_t>(got);
    check_size(size);
  }
  bytes.resize(size);
  return bytes;
}

FULCRUM_DEFINE void write_file_atomically(const std::string& path, std::string_view bytes) {
  const std::string target = detail::resolved_path(path);
  struct stat status {};
  const bool exists = ::stat(target.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) detail::cannot_write(path, EISDIR);
  if (exists && ::access(target.c_str(), W_OK) != 0) detail::cannot_write(path, errno);
  if (exists && !S_ISREG(status.st_mode)) {
    detail::FileDescriptor file(::open(target.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.valid() || !detail::write_all(file.get(), bytes) || !file.close()) detail::cannot_write(path, errno);
    return;
  }

  const std::string folder = detail::folder_of(target);
  const auto [descriptor, temporary] = detail::create_temporary(folder);
  detail::FileDescriptor file(descriptor);
  if (!file.valid()) detail::cannot_write(path, errno);
  detail::TemporaryFile guard(temporary);
  const bool written = detail::write_all(file.get(), bytes) &&
                       (!exists || ::fchmod(file.get(), status.st_mode & 07777U) == 0) && ::fsync(file.get()) == 0 &&
                       file.close() && ::rename(temporary.c_str(), target.c_str()) == 0;
  if (!written) detail::cannot_write(path, errno);
  guard.keep();
  // The rename itself survives a power failure once the folder is flushed; some file systems cannot do that.
  const detail::FileDescriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.valid()) static_cast<void>(::fsync(directory.get()));
}

FULCRUM_DEFINE void check_writable(const std::string& path) {
  const std::string target = detail::resolved_path(path);
  struct stat status {};
  const bool exists = ::stat(target.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) detail::cannot_write(path, EISDIR);
  if (exists && ::access(target.c_str(), W_OK) != 0) detail::cannot_write(path, errno);
  if (exists && !S_ISREG(status.st_mode)) return;
  const std::string folder = detail::folder_of(target);
  if (::stat(folder.c_str(), &status) != 0 || ::access(folder.c_str(), W_OK | X_OK) != 0)
    detail::cannot_write(path, errno);
  if (!S_ISDIR(status.st_mode)) detail::cannot_write(path, ENOTDIR);
}

}  // namespace fulcrum

#endif
