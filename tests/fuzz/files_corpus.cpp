// Writes the seeds of the fuzz targets of files and of the server into a folder: npy/, idx/, profile/, http/ and
// serve/.
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/data/npy.hpp>

#include <support/synthetic_machine.hpp>

using namespace fulcrum;

namespace {

/// What clients send: each of the endpoints, bodies in every form.
void write_requests(const std::string& folder) {
  const auto request = [](const std::string& head, const std::string& body, const std::string& fields = {}) {
    return head + " HTTP/1.1\r\nHost: x\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  };
  const std::string json =
      R"({"id":"7","inputs":[{"name":"input","datatype":"FP32","shape":[1,4],"data":[1,2.5,-3e1,4]}],)"
      R"("outputs":[{"name":"dense","parameters":{"binary_data":true}}]})";
  const std::string head = R"({"parameters":{"binary_data_output":true,"timeout":500000},"inputs":[{"name":"input",)"
                           R"("datatype":"FP32","shape":[1,4],"parameters":{"binary_data_size":16}}]})";
  const std::string binary = head + std::string(16, '\1');
  const std::string length = "Inference-Header-Content-Length: " + std::to_string(head.size()) + "\r\n";
  const std::string infer = "POST /v2/models/m/infer";
  const std::vector<std::string> requests{
      request(infer, json),
      request(infer, binary, length),
      request("POST /v2/models/m/versions/1/infer", json, "X-Routing-Key: a\r\nX-Request-Timeout-Ms: 250\r\n"),
      request(infer, json) + request("GET /v2/models/m", "") + request(infer, binary, length),
      infer + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"id\r\n0\r\n\r\n",
      request(infer, json, "Expect: 100-continue\r\n"),
      request("GET /v2/health/ready", "") + request("GET /metrics", "") + request("GET /live.json", ""),
      request("HEAD /v2/models/m/stats", "") + "GET /v2 HTTP/1.0\r\n\r\n",
      request("POST /v2/repository/index", R"({"ready":true})"),
      request("POST /v2/repository/models/m/load", R"({"parameters":{"version":"1","publish":false}})"),
      request("POST /v2/repository/models/m/unload", "") + request("POST /v2/repository/models/m/rollback", ""),
      request("POST /v2/models/m/traffic", R"({"kind":"weights","weights":{"1":9}})"),
      request("POST /v2/models/m/traffic", R"({"kind":"canary","version":"1","steps":[0.5],"pairs_per_step":20})"),
      request("POST /v2/models/m/outcome", R"({"version":"1","bad":0.5})", "Authorization: Bearer x\r\n")};
  for (std::size_t i = 0; i < requests.size(); ++i)
    write_file_atomically(folder + "/http/" + std::to_string(i), requests[i]);
  // The target of bodies has where the JSON ends before them, in two bytes.
  const auto with_length = [](std::size_t at, const std::string& text) {
    return std::string{static_cast<char>(at & 0xffU), static_cast<char>(at >> 8U)} + text;
  };
  write_file_atomically(folder + "/serve/json", with_length(json.size(), json));
  write_file_atomically(folder + "/serve/binary", with_length(head.size(), binary));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "give the folder\n";
    return 1;
  }
  const std::string folder = argv[1];
  for (const char* kind : {"npy", "idx", "profile", "http", "serve"})
    std::filesystem::create_directories(folder + "/" + kind);
  for (const ElementType element : {ElementType::f32, ElementType::f64, ElementType::s8, ElementType::s64,
                                    ElementType::u16, ElementType::boolean}) {
    save_npy(Tensor<float>({2, 3}, {0.0F, 1.0F, 2.0F, 3.0F, 4.0F, 5.0F}),
             folder + "/npy/" + std::string(name_of(element)) + ".npy", element);
  }
  using namespace std::string_literals;
  write_file_atomically(folder + "/idx/images", "\0\0\x08\x03\0\0\0\x01\0\0\0\x02\0\0\0\x02\1\2\3\4"s);
  write_file_atomically(folder + "/idx/labels", "\0\0\x08\x01\0\0\0\x03\1\2\3"s);
  MachineProfile profile = synthetic::machine();
  save_profile(profile, folder + "/profile/rates.json");
  profile.jitter = {{1, 1, 1.0, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4}};
  profile.contention = {{2, 1, 1.1, 0.5}};
  profile.composition = {{Precision::f32, 1, 1.0, 0.1, 3}};
  profile.drift_probe = {{1, 10.0, 10.0, 0.01}};
  save_profile(profile, folder + "/profile/all.json");
  write_requests(folder);
  return 0;
}
