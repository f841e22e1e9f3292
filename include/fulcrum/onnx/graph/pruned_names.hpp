#pragma once
/// \file
/// What Fulcrum writes into a model beside ONNX's own fields: who wrote it, and which initializers' zeros are a pruning
/// mask (metadata "fulcrum.pruned": names, one a line, with \ before a \ and \n for a line break in a name).

#include <string>
#include <vector>

#include <fulcrum/onnx/graph/proto.hpp>

namespace fulcrum::detail::onnx_io {

inline constexpr const char* own_producer_name = "fulcrum";
inline constexpr const char* pruned_key = "fulcrum.pruned";

inline std::vector<std::string> pruned_names(const ::onnx::ModelProto& model) {
  std::vector<std::string> names;
  for (const auto& property : model.metadata_props()) {
    if (property.key() != pruned_key) continue;
    std::string name;
    const std::string& text = property.value();
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') {
        names.push_back(std::move(name));
        name.clear();
      } else if (text[i] == '\\' && i + 1 < text.size()) {
        ++i;
        name += text[i] == 'n' ? '\n' : text[i];
      } else {
        name += text[i];
      }
    }
    if (!name.empty()) names.push_back(std::move(name));
  }
  return names;
}

inline void set_pruned_names(::onnx::ModelProto& model, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::string text;
  for (const std::string& name : names) {
    for (const char c : name) {
      if (c == '\n')
        text += "\\n";
      else if (c == '\\')
        text += "\\\\";
      else
        text += c;
    }
    text += '\n';
  }
  auto* property = model.add_metadata_props();
  property->set_key(pruned_key);
  property->set_value(std::move(text));
}

}  // namespace fulcrum::detail::onnx_io
