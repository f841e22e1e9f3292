// A libFuzzer target for machine profiles: any bytes give an Error, or a profile whose predictions are times.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <nlohmann/json.hpp>

#include <fulcrum/cost/predict.hpp>
#include <fulcrum/cost/profile_file.hpp>
#include <fulcrum/model/builder.hpp>

namespace {

const fulcrum::Model<float>& model() {
  static const fulcrum::Model<float> small = fulcrum::ModelBuilder<float>("m")
                                                 .input({2, 8, 8})
                                                 .conv(4, 3)
                                                 .relu()
                                                 .max_pool(2)
                                                 .flatten()
                                                 .dense(10)
                                                 .softmax()
                                                 .build();
  return small;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const nlohmann::json j = fulcrum::parse_json({reinterpret_cast<const char*>(data), size}, "profile");
    const fulcrum::MachineProfile profile = fulcrum::machine_profile_from_json(j);
    static_cast<void>(fulcrum::profile_file_text(profile));
    const fulcrum::LatencyReport report = fulcrum::predict(model(), {.batch = 3, .threads = 2}, profile);
    for (const double figure : {report.latency.p50.count(), report.latency.p99.count(), report.throughput_per_s}) {
      if (!std::isfinite(figure) || figure < 0.0) std::abort();
    }
  } catch (const fulcrum::Error&) {
  }
  return 0;
}
