// fulcrum info: the machine, and a model when one is named.

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/onednn/environment.hpp>
#include <fulcrum/onednn/precision_support.hpp>
#include <fulcrum/report/json.hpp>
#include <fulcrum/report/model_summary.hpp>
#include <fulcrum/report/table.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include "command.hpp"
#include "model_argument.hpp"
#include "option_values.hpp"
#include "output_argument.hpp"

using namespace fulcrum;

namespace {

struct InfoCommand {
  ModelArgument model;
  std::int64_t batch = 1;
  bool json = false;
};

nlohmann::json model_json(const Model<float>& model, std::int64_t batch) {
  const std::vector<Shape> shapes = infer_shapes(model, batch);
  const std::vector<Work> work = infer_work(model, shapes);
  nlohmann::json layers = nlohmann::json::array();
  for (NodeId id = 0; id < model.size(); ++id) {
    std::int64_t parameters = 0;
    for_each_parameter(model.node(id).layer, [&](const char*, const Parameter<float>& p) { parameters += p.size(); });
    layers.push_back({{"name", model.node(id).name},
                      {"kind", kind_of(model.node(id).layer)},
                      {"shape", shapes[id]},
                      {"parameters", parameters},
                      {"flops", work[id].flops}});
  }
  return {{"name", model.name()},
          {"batch", batch},
          {"parameters", parameter_count(model)},
          {"flops", total_work(model, batch).flops},
          {"quantized", is_quantized(model)},
          {"layers", layers}};
}

void info(const InfoCommand& command) {
  Environment here = onednn_environment();
  here.versions["fulcrum"] = FULCRUM_VERSION;
  if (command.json) {
    nlohmann::json result{{"environment", to_json(here)}, {"zoo", zoo_names()}};
    for (const Precision precision : all_precisions)
      result["precisions"][std::string(name_of(precision))] = cpu_supports(precision);
    if (command.model.given()) result["model"] = model_json(command.model.load(), command.batch);
    print_document("info", std::move(result));
    return;
  }
  if (command.model.given()) {
    print(summary(command.model.load(), command.batch) + "\n");
    return;
  }
  Table table({{"machine"}, {""}});
  table.add_row({"CPU", here.cpu});
  table.add_row({"instruction sets", here.isa});
  table.add_row({"usable cores", std::to_string(here.cores)});
  std::string precisions;
  for (const Precision precision : all_precisions) {
    if (!cpu_supports(precision)) continue;
    if (!precisions.empty()) precisions += ", ";
    precisions += name_of(precision);
  }
  table.add_row({"precisions", precisions});
  for (const auto& [library, version] : here.versions) table.add_row({library, version});
  std::string names;
  for (const std::string& name : zoo_names()) names += (names.empty() ? "zoo:" : ", zoo:") + name;
  table.add_row({"models", names});
  print(table.to_string());
}

}  // namespace

void add_info(CLI::App& app) {
  auto command = std::make_shared<InfoCommand>();
  CLI::App* sub = app.add_subcommand("info", "Show this machine, or a model's layers, parameters and FLOPs");
  command->model.add_to(*sub);
  sub->add_option("--batch", command->batch, "samples that shapes and FLOPs are for")
      ->check(between(1, static_cast<double>(largest_batch)))
      ->capture_default_str();
  add_output_to(*sub, command->json);
  sub->footer("Example:\n  fulcrum info zoo:fashion_cnn");
  sub->callback([command] { info(*command); });
}
