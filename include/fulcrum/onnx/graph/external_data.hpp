#pragma once
/// \file
/// Tensors whose elements lie in files beside the model (TensorProto.external_data).

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>

#include <fulcrum/core/file.hpp>
#include <fulcrum/onnx/graph/proto.hpp>

namespace fulcrum::detail::onnx_io {

/// Reads so many bytes of a file from an offset on. 0, or an error number: EIO where the file ends before.
[[nodiscard]] inline int read_at(int descriptor, std::uint64_t offset, std::size_t size, char* to) noexcept {
  while (size > 0) {
    const ssize_t got = ::pread(descriptor, to, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? errno : EIO;
    to += got;
    offset += static_cast<std::uint64_t>(got);
    size -= static_cast<std::size_t>(got);
  }
  return 0;
}

/// The folder that external data may be read from. Paths that leave it, by `..`, from the root or through a symbolic
/// link, are refused: a model must not be able to name any file of the machine.
class ExternalFolder {
public:
  /// No folder: a model that came as bytes has no external data.
  ExternalFolder() = default;
  explicit ExternalFolder(std::string path) : path_(std::move(path)) {}

  /// Reads the elements of a tensor, of exactly `size` bytes, to where place() says once the file is known to hold
  /// them.
  ///
  /// \throws Error when the entry is not sound or the file does not hold that much
  template <class Place>
  void read(const Proto& tensor, std::size_t size, Place&& place) const {
    const std::string where = "tensor '" + tensor.name() + "'";
    std::string location;
    std::uint64_t offset = 0;
    std::uint64_t length = size;
    for (const auto& entry : tensor.external_data()) {
      if (entry.key() == "location") location = entry.value();
      if (entry.key() == "offset") offset = number(entry.value(), where);
      if (entry.key() == "length") length = number(entry.value(), where);
    }
    if (path_.empty()) throw Error(where, "lies in another file", "import the model from its file");
    if (length != size) {
      std::string what = "has ";
      what.append(std::to_string(length)).append(" bytes of external data where its shape needs ");
      throw Error(where, what.append(std::to_string(size)), "the file is damaged; export it again");
    }
    const std::string file = path_inside(location, where);

    const FileDescriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!descriptor.valid() || ::fstat(descriptor.get(), &status) != 0) cannot_read(file, errno);
    if (!S_ISREG(status.st_mode)) throw Error(file, "is no regular file", "give the external data as a file");
    const auto stored = static_cast<std::uint64_t>(status.st_size);
    if (offset > stored || size > stored - offset) {
      std::string what = "is cut short: ";
      what.append(where).append(" needs bytes up to ").append(std::to_string(offset)).append(" + ");
      throw Error(file, what.append(std::to_string(size)), "copy the file again");
    }
    if (const int error = read_at(descriptor.get(), offset, size, place()); error != 0) cannot_read(file, error);
  }

private:
  static std::uint64_t number(const std::string& text, const std::string& where) {
    std::uint64_t value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status != std::errc{} || end != text.data() + text.size()) {
      throw Error(where, "has an offset or length of external data that is no number");
    }
    return value;
  }

  [[nodiscard]] std::string path_inside(const std::string& location, const std::string& where) const {
    const auto refuse = [&] {
      throw Error(where, "names external data outside the model's folder ('" + location + "')",
                  "put the data file beside the model");
    };
    if (location.empty()) throw Error(where, "does not say which file holds its external data");
    if (location.front() == '/' || location.find('\0') != std::string::npos) refuse();
    for (std::string_view rest = location; !rest.empty();) {
      const std::string_view part = rest.substr(0, rest.find('/'));
      if (part == "..") refuse();
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    }
    const std::string joined = path_ + "/" + location;
    if (::access(joined.c_str(), F_OK) != 0) cannot_read(joined, errno);
    const std::string root = resolved_path(path_);
    const std::string resolved = resolved_path(joined);
    const bool inside = resolved.size() > root.size() && resolved.starts_with(root) &&
                        (root.back() == '/' || resolved[root.size()] == '/');
    if (!inside) refuse();
    return resolved;
  }

  std::string path_;
};

}  // namespace fulcrum::detail::onnx_io
