// fulcrum zoo: the networks that can be had by name.

#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include <fulcrum/core/units.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/report/json.hpp>
#include <fulcrum/report/table.hpp>
#include <fulcrum/zoo/zoo.hpp>

#include "command.hpp"
#include "output_argument.hpp"

using namespace fulcrum;

namespace {

struct ZooCommand {
  bool json = false;
};

nlohmann::json inputs_json(const Model<float>& model) {
  nlohmann::json inputs = nlohmann::json::array();
  for (const NodeId id : model.inputs()) {
    const auto& input = std::get<Input>(model.node(id).layer);
    nlohmann::json shape = nlohmann::json::array();
    for (const std::int64_t extent : input.shape) {
      shape.push_back(extent == batch_dim ? nlohmann::json("N") : nlohmann::json(extent));
    }
    inputs.push_back({{"name", model.node(id).name}, {"shape", shape}, {"element", name_of(input.element)}});
  }
  return inputs;
}

/// "(N, 13), s64 (N, 26)"
std::string inputs_text(const Model<float>& model) {
  std::string text;
  for (const NodeId id : model.inputs()) {
    const auto& input = std::get<Input>(model.node(id).layer);
    if (!text.empty()) text += ", ";
    if (input.element != ElementType::f32) text.append(name_of(input.element)).append(" ");
    text += to_string(input.shape);
  }
  return text;
}

/// One model at a time: the larger ones take half a gigabyte.
void list_zoo(const ZooCommand& command) {
  nlohmann::json models = nlohmann::json::array();
  Table table({{"name"},
               {"inputs"},
               {"parameters", Align::right},
               {"size", Align::right},
               {"work", Align::right},
               {"description"}});
  for (const ZooEntry& entry : zoo_entries()) {
    const Model<float> model = entry.build(0);
    const std::int64_t parameters = parameter_count(model);
    const double flops = total_work(model, 1).flops;
    if (command.json) {
      models.push_back({{"name", entry.name},
                        {"inputs", inputs_json(model)},
                        {"parameters", parameters},
                        {"size_mb", 4e-6 * static_cast<double>(parameters)},
                        {"flops", flops},
                        {"description", entry.description}});
      continue;
    }
    table.add_row({std::string(entry.name), inputs_text(model), format_count(parameters),
                   detail::formatted("%.3g MB", 4e-6 * static_cast<double>(parameters)), format_flops(flops),
                   std::string(entry.description)});
  }
  if (command.json)
    print_document("zoo", {{"models", models}});
  else
    print(table.to_string());
}

}  // namespace

void add_zoo(CLI::App& app) {
  auto command = std::make_shared<ZooCommand>();
  CLI::App* sub = app.add_subcommand("zoo", "List the models that can be had as zoo:NAME, with their size and work");
  add_output_to(*sub, command->json);
  sub->footer("The work is that of one sample, a multiply-add counted as two.\n\nExample:\n  fulcrum zoo");
  sub->callback([command] { list_zoo(*command); });
}
