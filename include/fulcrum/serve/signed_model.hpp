#pragma once
/// \file
/// Whether the files of a version are those that somebody signed.

#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>

namespace fulcrum {

/// Checks a version's folder: manifest.json, {"files": {name: SHA-256 in hexadecimal}}, must be signed by one of the
/// keys (manifest.sig, 64 bytes of Ed25519), and the folder must hold exactly the files that it names, as it names
/// them. A manifest is signed by
///
///     openssl pkeyutl -sign -rawin -inkey private.pem -in manifest.json -out manifest.sig
///
/// \param keys  PEM files of Ed25519 public keys
/// \throws Error that says what is missing, unsigned or different
FULCRUM_DECLARE void check_signature(const std::string& folder, const std::vector<std::string>& keys);

/// \throws Error when one of the files cannot be read or is no Ed25519 public key
FULCRUM_DECLARE void check_model_keys(const std::vector<std::string>& keys);

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

#include <filesystem>
#include <memory>
#include <set>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <fulcrum/core/error.hpp>
#include <fulcrum/core/file.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/serve/sha256.hpp>

namespace fulcrum::detail {

template <auto Free>
struct FreeBy {
  template <class T>
  void operator()(T* pointer) const noexcept {
    static_cast<void>(Free(pointer));
  }
};

using PublicKey = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;

inline PublicKey public_key(const std::string& file) {
  const std::string pem = read_file(file, 1U << 16U);
  const std::unique_ptr<BIO, FreeBy<BIO_free>> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  PublicKey key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  if (!key || EVP_PKEY_base_id(key.get()) != EVP_PKEY_ED25519)
    throw Error(file, "is no Ed25519 public key in PEM", "make one with openssl pkey -pubout");
  return key;
}

inline bool signed_by(const std::string& key_file, const std::string& text, const std::string& signature) {
  const PublicKey key = public_key(key_file);
  const std::unique_ptr<EVP_MD_CTX, FreeBy<EVP_MD_CTX_free>> context(EVP_MD_CTX_new());
  const auto bytes = [](const std::string& s) { return reinterpret_cast<const unsigned char*>(s.data()); };
  return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text), text.size()) == 1;
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE void check_model_keys(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) static_cast<void>(detail::public_key(key));
}

FULCRUM_DEFINE void check_signature(const std::string& folder, const std::vector<std::string>& keys) {
  const std::string path = folder + "/manifest.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error) || !std::filesystem::exists(folder + "/manifest.sig", error))
    throw Error(folder, "is not signed", "it needs manifest.json and manifest.sig");
  const std::string manifest = read_file(path, 1U << 20U);
  const std::string signature = read_file(folder + "/manifest.sig", 4096);
  bool good = false;
  for (const std::string& key : keys) good = good || detail::signed_by(key, manifest, signature);
  if (!good) throw Error(path, "is signed by none of the keys that this server trusts");
  const nlohmann::json j = parse_json(manifest, path);
  std::set<std::string> named{"manifest.json", "manifest.sig"};
  for (const auto& [name, digest] : JsonReader(j).at("files").members()) {
    if (name.empty() || name.find('/') != std::string::npos || name == "..")
      throw Error(path, "names the file '" + name.substr(0, 100) + "'", "files lie in the folder itself");
    named.insert(name);
    const auto wanted = sha256_from_hex(digest.text());
    if (!wanted || sha256(read_file(folder + "/" + name)) != *wanted)
      throw Error(folder + "/" + name, "is not the file that was signed");
  }
  if (!named.contains("model.onnx")) throw Error(path, "does not name model.onnx");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = std::filesystem::relative(entry.path(), folder).string();
    if (!named.contains(name)) throw Error(entry.path().string(), "was not signed", "name it in manifest.json");
  }
}

}  // namespace fulcrum

#endif
