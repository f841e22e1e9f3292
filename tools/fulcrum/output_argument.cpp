#include "output_argument.hpp"

#include <filesystem>
#include <span>
#include <system_error>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/report/csv.hpp>
#include <nlohmann/json.hpp>

using fulcrum::CsvColumn;

namespace {

bool csv_wanted = false;

/// Where the rows of a document are, and what of them is shown. Rows of several places come one after the other.
struct CsvTable {
  const char* schema;
  std::vector<const char*> rows;  ///< JSON pointers; "" is the document as one row
  /// Rows also have what their pointer ends with, as "table" in a list and "figure" otherwise, and as "pass" what is
  /// before that.
  std::vector<CsvColumn> columns;
};

const std::vector<CsvTable>& tables() {
  static const std::vector<CsvTable> all{
      {"latency-report",
       {"", "/layers"},
       {{"model", "^/model"},
        {"kind", "^/kind"},
        {"precision", "^/precision"},
        {"batch", "^/batch"},
        {"threads", "^/threads"},
        {"instances", "^/instances"},
        {"step", "/name"},  // empty: the whole model
        {"step_kind", "/algorithm|/bound"},
        {"p50_ms", "/latency_ms/p50|/latency_ms"},
        {"p50_low_ms", "/latency_ms/p50_low"},
        {"p50_high_ms", "/latency_ms/p50_high"},
        {"p90_ms", "/latency_ms/p90"},
        {"p95_ms", "/latency_ms/p95"},
        {"p99_ms", "/latency_ms/p99"},
        {"p99_9_ms", "/latency_ms/p99_9"},
        {"mean_ms", "/latency_ms/mean"},
        {"min_ms", "/latency_ms/min"},
        {"throughput_per_s", "/throughput_per_s"},
        {"samples", "/samples"},
        {"flop", "/flops"},
        {"bytes", "/bytes"},
        {"bound", "/bound"},
        {"creation_ms", "/creation_ms"},
        {"weights_bytes", "/memory_bytes/weights"},
        {"activations_bytes", "/memory_bytes/activations"},
        {"scratchpad_bytes", "/memory_bytes/scratchpad"},
        {"noisy", "/noisy"}}},
      {"comparison",
       {"/p50_ms", "/p99_ms", "/throughput_per_s", "/layers"},
       {{"figure", "/figure"},
        {"layer", "/name"},
        {"baseline", "/baseline|/baseline_ms"},
        {"new", "/new|/new_ms"},
        {"ratio", "/ratio"},
        {"ratio_low", "/noise/low"},
        {"ratio_high", "/noise/high"},
        {"p_value", "/p_value"},
        {"verdict", "/verdict"},
        {"fail_above", "^/fail_above"}}},
      {"load-report",
       {""},
       {{"model", "/model"},
        {"setup", "/setup"},
        {"offered_per_s", "/offered_per_s"},
        {"throughput_per_s", "/throughput_per_s"},
        {"queries", "/queries"},
        {"p50_ms", "/latency_ms/p50"},
        {"p90_ms", "/latency_ms/p90"},
        {"p95_ms", "/latency_ms/p95"},
        {"p99_ms", "/latency_ms/p99"},
        {"p99_9_ms", "/latency_ms/p99_9"},
        {"max_ms", "/latency_ms/max"},
        {"queue_p50_ms", "/queue_ms/p50"},
        {"queue_p99_ms", "/queue_ms/p99"},
        {"mean_batch", "/mean_batch"},
        {"duration_s", "/duration_s"}}},
      {"service-study",
       {"/candidates"},
       {{"model", "^/model"},
        {"variant", "/variant"},
        {"precision", "/config/precision"},
        {"threads", "/config/threads"},
        {"instances", "/config/instances"},
        {"max_batch", "/max_batch"},
        {"max_delay_ms", "/max_delay_ms"},
        {"predicted_rate_per_s", "/predicted/max_rate_per_s"},
        {"predicted_tail_ms", "/predicted/tail_ms"},
        {"simulated_rate_per_s", "/simulated/max_rate_per_s"},
        {"simulated_tail_ms", "/simulated/tail_ms"},
        {"measured", "/measured"},
        {"measured_rate_per_s", "/measured_rate_per_s"},
        {"why_not", "/why_not"}}},
      {"explanation",
       {"/steps"},
       {{"model", "^/model"},
        {"step", "/name"},
        {"kind", "/kind"},
        {"algorithm", "/algorithm"},
        {"implementation", "/implementation"},
        {"src", "/src"},
        {"dst", "/dst"},
        {"src_layout", "/src_layout"},
        {"dst_layout", "/dst_layout"},
        {"threads", "/threads"},
        {"flop", "/flops"},
        {"bytes", "/bytes"},
        {"layers", "/layers"},
        {"why_ended", "/why_ended"}}},
      {"advice",
       {"/options"},  // of each layer, with the layer's own figures: flattened below
       {{"model", "^/model"},
        {"layer", "/layer"},
        {"kind", "/kind"},
        {"time_ms", "/time_ms"},
        {"option", "/name"},
        {"what", "/what"},
        {"saves_ms", "/saves_ms"},
        {"why_not", "/why_not"}}},
      {"tradeoff-study",
       {"/candidates"},
       {{"model", "^/model"},
        {"variant", "/variant"},
        {"precision", "/precision"},
        {"sparsity", "/sparsity"},
        {"scope", "/scope"},
        {"weight_bits", "/weight_bits"},
        {"calibration", "/calibration"},
        {"recipe", "/recipe"},
        {"batch", "/batch"},
        {"threads", "/threads"},
        {"instances", "/instances"},
        {"accuracy", "/accuracy"},
        {"p50_ms", "/measured/latency_ms/p50"},
        {"p99_ms", "/measured/latency_ms/p99"},
        {"throughput_per_s", "/measured/throughput_per_s"},
        {"predicted_p50_ms", "/predicted/latency_ms/p50"},
        {"predicted_p99_ms", "/predicted/latency_ms/p99"},
        {"predicted_throughput_per_s", "/predicted/throughput_per_s"},
        {"prediction_error", "/prediction_error"},
        {"size_mb", "/size_mb"},
        {"memory_mb", "/memory_mb"},
        {"noisy", "/measured/noisy"},
        {"on_front", "/on_front"},
        {"recommended", "/recommended"},
        {"why_not", "/why_not"}}},
      {"validation",
       {"/cases"},
       {{"model", "/model"},
        {"precision", "/precision"},
        {"batch", "/batch"},
        {"threads", "/threads"},
        {"instances", "/instances"},
        {"predicted_p50_ms", "/predicted/p50_ms"},
        {"measured_p50_ms", "/measured/p50_ms"},
        {"error", "/error"},
        {"predicted_p99_ms", "/predicted/p99_ms"},
        {"measured_p99_ms", "/measured/p99_ms"},
        {"predicted_throughput_per_s", "/predicted/throughput_per_s"},
        {"measured_throughput_per_s", "/measured/throughput_per_s"},
        {"why_not", "/why_not"}}},
      {"sensitivity",
       {"/rows"},
       {{"model", "^/model"},
        {"layer", "/layer"},
        {"weights", "/weights"},
        {"sparsity", "/sparsity"},
        {"bits", "/bits"},
        {"sqnr_db", "/sqnr_db"},
        {"accuracy", "/accuracy"}}},
      {"zoo",
       {"/models"},
       {{"name", "/name"},
        {"parameters", "/parameters"},
        {"size_mb", "/size_mb"},
        {"flop", "/flops"},
        {"description", "/description"}}},
      {"training",
       {"/epochs"},
       {{"model", "^/model"},
        {"epoch", "/epoch"},
        {"loss", "/loss"},
        {"train_accuracy", "/train_accuracy"},
        {"seconds", "/seconds"},
        {"test_accuracy", "^/accuracy"},
        {"test_samples", "^/samples"},
        {"seed", "^/seed"}}},
      {"machine-profile",
       {"/peaks", "/bandwidths", "/overheads", "/efficiency"},
       {{"figure", "/table"},
        {"precision", "/precision"},
        {"level", "/level"},
        {"kernel", "/kernel"},
        {"threads", "/threads"},
        {"flop_per_s", "/flop_per_s"},
        {"byte_per_s", "/byte_per_s"},
        {"capacity_bytes", "/capacity_bytes"},
        {"step_us", "/step_us"},
        {"inference_us", "/inference_us"},
        {"typical_error", "/leave_one_out_error"}}},
      {"machine",
       {"/environment"},
       {{"cpu", "/cpu"},
        {"isa", "/isa"},
        {"cores", "/cores"},
        {"cpu_quota", "/cpu_quota"},
        {"f32", "^/precisions/f32"},
        {"bf16", "^/precisions/bf16"},
        {"int8", "^/precisions/int8"},
        {"onednn", "/versions/oneDNN"},
        {"fulcrum", "/versions/fulcrum"}}},
      {"run",
       {""},
       {{"model", "/model"},
        {"precision", "/precision"},
        {"executor", "/executor"},
        {"input_shape", "/input_shape"},
        {"output_shape", "/output_shape"},
        {"output", "/output"}}},
      {"info",
       {"/model/layers"},
       {{"model", "^/model/name"},
        {"layer", "/name"},
        {"kind", "/kind"},
        {"shape", "/shape"},
        {"parameters", "/parameters"},
        {"flop", "/flops"}}},
      {"evaluation",
       {""},
       {{"model", "/model"},
        {"precision", "/precision"},
        {"metric", "/metric"},
        {"score", "/score|/accuracy"},
        {"samples", "/samples"}}},
      {"compression",  // of a recipe, of a target, or of single passes
       {"/states", "/candidates", "/passes/prune_channels/groups", "/passes/prune/layers",
        "/passes/fake_quantize/layers", "/passes/quantize/layers"},
       {{"model", "^/model"},
        {"step", "/step|/pass"},
        {"what", "/what"},
        {"precision", "/precision"},
        {"accuracy", "/accuracy"},
        {"samples", "/samples"},
        {"flop", "/flops"},
        {"flop_left", "/flops_left"},
        {"parameters", "/parameters"},
        {"nonzero", "/nonzero"},
        {"predicted_ms", "/predicted_ms"},
        {"seconds", "/seconds"},
        {"layer", "/layer|/name"},
        {"channels", "/channels"},
        {"weights", "/elements"},
        {"kept", "/kept"},
        {"sparsity", "/sparsity"},
        {"threshold", "/threshold"},
        {"scale_min", "/scale_min|/weight_scale_min"},
        {"scale_max", "/scale_max|/weight_scale_max"},
        {"levels", "/levels"},
        {"sqnr_db", "/sqnr_db|/weight_sqnr_db"},
        {"why_not", "/why_not"}}},
  };
  return all;
}

/// A row that says where it comes from.
nlohmann::json named(const std::string& pointer, const char* key, nlohmann::json row) {
  const std::size_t last = pointer.rfind('/');
  row[key] = pointer.substr(last + 1);
  if (last > 0) {
    const std::size_t before = pointer.rfind('/', last - 1);
    row["pass"] = pointer.substr(before + 1, last - before - 1);
  }
  return row;
}

}  // namespace

void add_output_to(CLI::App& command, bool& document, const std::string& json) {
  CLI::Option* as_json = command.add_flag("--json", document, json);
  CLI::Option* as_csv = command.add_flag_function(
      "--csv",
      [&document](std::int64_t) {
        document = true;
        csv_wanted = true;
      },
      "print the table as comma-separated values");
  as_csv->excludes(as_json);
}

bool prints_csv() { return csv_wanted; }

void expect_separate_files(const std::vector<std::pair<std::string, std::string>>& files) {
  namespace fs = std::filesystem;
  const auto place = [](const std::string& path) {
    std::error_code failure;
    const fs::path absolute = fs::weakly_canonical(fs::absolute(path), failure);
    return failure ? fs::path(path) : absolute;
  };
  for (std::size_t i = 0; i < files.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (files[i].second.empty() || files[k].second.empty() || place(files[i].second) != place(files[k].second))
        continue;
      throw fulcrum::Error(files[i].first + " " + files[i].second, "is the file of " + files[k].first + " as well",
                           "give another one");
    }
  }
}

std::string csv_of(const std::string& schema, const nlohmann::json& document) {
  if (schema == "info" && !document.contains("model")) return csv_of("machine", document);
  for (const CsvTable& table : tables()) {
    if (schema != table.schema) continue;
    std::vector<nlohmann::json> rows;
    for (const std::string pointer : table.rows) {
      if (pointer.empty()) {
        rows.push_back(document);
        continue;
      }
      if (schema == "advice") {
        for (const nlohmann::json& layer : document["layers"]) {
          for (nlohmann::json option : layer["options"]) {
            for (const char* key : {"layer", "kind", "time_ms"}) option[key] = layer[key];
            rows.push_back(std::move(option));
          }
        }
        continue;
      }
      const nlohmann::json::json_pointer place(pointer);
      if (!document.contains(place)) continue;
      const nlohmann::json& found = document[place];
      if (found.is_object()) rows.push_back(named(pointer, "figure", found));
      for (std::size_t i = 0; found.is_array() && i < found.size(); ++i)
        rows.push_back(named(pointer, "table", found[i]));
    }
    return fulcrum::to_csv(table.columns, rows, document);
  }
  throw fulcrum::Error("--csv", "has no table of this", "use --json");
}
