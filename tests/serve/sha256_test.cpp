#include <fulcrum/serve/sha256.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("digests are those of FIPS 180-2") {
  CHECK(to_hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(to_hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 parts;
  for (const char c : std::string("abc")) parts.add(std::as_bytes(std::span(&c, 1)));
  CHECK(parts.digest() == sha256("abc"));
  CHECK(sha256_from_hex(to_hex(sha256("x"))) == sha256("x"));
  CHECK_FALSE(sha256_from_hex("12").has_value());
  CHECK_FALSE(sha256_from_hex(std::string(64, 'g')).has_value());
}
