#include <fulcrum/serve/signed_model.hpp>

#include <cstdlib>

#include <fulcrum/core/file.hpp>
#include <fulcrum/serve/sha256.hpp>

#include <nlohmann/json.hpp>
#include <support/catch.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;

namespace {

/// As somebody signs a model: with the tool of OpenSSL.
void sign(const test::TemporaryFolder& keys, const std::string& name, const std::string& folder) {
  const std::string command = "openssl pkeyutl -sign -rawin -inkey '" + keys.path(name + ".pem") + "' -in '" + folder +
                              "/manifest.json' -out '" + folder + "/manifest.sig'";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("openssl failed");
}

void make_key(const test::TemporaryFolder& keys, const std::string& name) {
  const std::string command = "openssl genpkey -algorithm ed25519 -out '" + keys.path(name + ".pem") +
                              "' 2>/dev/null && openssl pkey -in '" + keys.path(name + ".pem") + "' -pubout -out '" +
                              keys.path(name + ".pub") + "'";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("openssl failed");
}

}  // namespace

TEST_CASE("a signed model is loaded, and one that was changed is not") {
  if (std::system("command -v openssl > /dev/null") != 0) {
    WARN("openssl is not there: nothing was tested");
    return;
  }
  const test::TemporaryFolder keys, model;
  make_key(keys, "ours");
  make_key(keys, "theirs");
  write_file_atomically(model.path("model.onnx"), "the network");
  const std::vector<std::string> trusted{keys.path("theirs.pub"), keys.path("ours.pub")};
  const auto check = [&] { check_signature(model.path(""), trusted); };
  const auto fails = [&](const char* why) { CHECK_THROWS_WITH(check(), ContainsSubstring(why)); };
  fails("is not signed");
  const auto put = [&](const nlohmann::json& files) {
    write_file_atomically(model.path("manifest.json"), nlohmann::json{{"files", files}}.dump());
    sign(keys, "ours", model.path(""));
  };
  put({{"model.onnx", to_hex(sha256("the network"))}});
  CHECK_NOTHROW(check());
  CHECK_THROWS_WITH(check_signature(model.path(""), {keys.path("theirs.pub")}), ContainsSubstring("none of the keys"));
  CHECK_THROWS_WITH(check_signature(model.path(""), {keys.path("ours.pem")}),
                    ContainsSubstring("no Ed25519 public key"));
  CHECK_NOTHROW(check_model_keys(trusted));
  CHECK_THROWS_WITH(check_model_keys({keys.path("ours.pub"), keys.path("ours.pem")}),
                    ContainsSubstring("no Ed25519 public key"));
  CHECK_THROWS_WITH(check_model_keys({keys.path("none.pub")}), ContainsSubstring("does not exist"));

  write_file_atomically(model.path("config.json"), "{}");
  fails("was not signed");
  std::filesystem::remove(model.path("config.json"));
  write_file_atomically(model.path("model.onnx"), "another one");
  fails("is not the file that was signed");
  put({{"../x", to_hex(sha256("x"))}});
  fails("names the file");
  put(nlohmann::json::object());
  fails("does not name model.onnx");
  write_file_atomically(model.path("manifest.json"), R"({"files": {}} )");
  fails("none of the keys");
}
