#pragma once
/// \file
/// SHA-256, by OpenSSL.

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

using Sha256Digest = std::array<std::byte, 32>;

namespace detail {
struct Sha256State;
}

/// Of what is added, in order.
class Sha256 {
public:
  FULCRUM_DECLARE Sha256();
  FULCRUM_DECLARE void add(std::span<const std::byte> bytes);
  /// Of everything; nothing may be added afterwards.
  FULCRUM_DECLARE [[nodiscard]] Sha256Digest digest();

private:
  std::shared_ptr<detail::Sha256State> state_;  // shared: it is destroyed where it is incomplete
};

FULCRUM_DECLARE [[nodiscard]] Sha256Digest sha256(std::string_view bytes);

/// 64 small hexadecimal digits.
FULCRUM_DECLARE [[nodiscard]] std::string to_hex(const Sha256Digest& digest);
/// Nothing when the text is not 64 hexadecimal digits.
FULCRUM_DECLARE [[nodiscard]] std::optional<Sha256Digest> sha256_from_hex(std::string_view text);

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <new>

#include <openssl/evp.h>

namespace fulcrum::detail {

struct Sha256State {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE Sha256::Sha256() : state_(std::make_shared<detail::Sha256State>()) {
  if (!state_->context || EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
}

FULCRUM_DEFINE void Sha256::add(std::span<const std::byte> bytes) {
  if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1) throw std::bad_alloc();
}

FULCRUM_DEFINE Sha256Digest Sha256::digest() {
  Sha256Digest digest{};
  unsigned length = 0;
  if (EVP_DigestFinal_ex(state_->context.get(), reinterpret_cast<unsigned char*>(digest.data()), &length) != 1)
    throw std::bad_alloc();
  return digest;
}

FULCRUM_DEFINE Sha256Digest sha256(std::string_view bytes) {
  Sha256 hash;
  hash.add(std::as_bytes(std::span(bytes.data(), bytes.size())));
  return hash.digest();
}

FULCRUM_DEFINE std::string to_hex(const Sha256Digest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : digest) {
    text += digits[std::to_integer<std::size_t>(byte >> 4U)];
    text += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

FULCRUM_DEFINE std::optional<Sha256Digest> sha256_from_hex(std::string_view text) {
  Sha256Digest digest{};
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    int value = 0;
    if (c >= '0' && c <= '9')
      value = c - '0';
    else if (c >= 'a' && c <= 'f')
      value = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F')
      value = c - 'A' + 10;
    else
      return std::nullopt;
    digest[i / 2] = (digest[i / 2] << 4U) | static_cast<std::byte>(value);
  }
  return digest;
}

}  // namespace fulcrum

#endif
