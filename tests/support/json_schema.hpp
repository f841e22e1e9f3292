#pragma once
// The part of JSON Schema (2020-12) that docs/schema uses. A keyword that is not known here is an error, so that no
// rule is passed over.

#include <cstddef>
#include <fstream>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace fulcrum::test {

class JsonSchema {
public:
  explicit JsonSchema(nlohmann::json schema) : schema_(std::move(schema)) {}

  static JsonSchema from_file(const std::string& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error(path + " is missing");
    return JsonSchema(nlohmann::json::parse(file));
  }

  /// What is wrong with a document, one sentence each with the way to the value.
  [[nodiscard]] std::vector<std::string> errors(const nlohmann::json& document) const {
    std::vector<std::string> found;
    check(schema_, document, "", found);
    return found;
  }

private:
  static bool is_type(const nlohmann::json& value, const std::string& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    if (type == "number") return value.is_number();
    if (type == "integer") return value.is_number_integer() || value.is_number_unsigned();
    throw std::runtime_error("unknown type " + type);
  }

  void check(const nlohmann::json& schema, const nlohmann::json& value, const std::string& path,
             std::vector<std::string>& found) const {
    const auto fail = [&](const std::string& what) { found.push_back((path.empty() ? "/" : path) + ": " + what); };
    for (const auto& [keyword, rule] : schema.items()) {
      if (keyword == "$schema" || keyword == "$id" || keyword == "$defs" || keyword == "title" ||
          keyword == "description") {
        continue;
      } else if (keyword == "$ref") {
        const auto ref = rule.get<std::string>();
        if (!ref.starts_with("#")) throw std::runtime_error("reference to elsewhere: " + ref);
        check(schema_.at(nlohmann::json::json_pointer(ref.substr(1))), value, path, found);
      } else if (keyword == "type") {
        bool any = false;
        for (const auto& type : rule.is_array() ? rule : nlohmann::json::array({rule}))
          any = any || is_type(value, type.get<std::string>());
        if (!any) fail("is " + std::string(value.type_name()) + ", not " + rule.dump());
      } else if (keyword == "const") {
        if (value != rule) fail("is not " + rule.dump());
      } else if (keyword == "enum") {
        bool any = false;
        for (const auto& allowed : rule) any = any || allowed == value;
        if (!any) fail("is none of " + rule.dump());
      } else if (keyword == "minimum") {
        if (value.is_number() && value.get<double>() < rule.get<double>()) fail("is below " + rule.dump());
      } else if (keyword == "maximum") {
        if (value.is_number() && value.get<double>() > rule.get<double>()) fail("is above " + rule.dump());
      } else if (keyword == "exclusiveMaximum") {
        if (value.is_number() && value.get<double>() >= rule.get<double>()) fail("is not below " + rule.dump());
      } else if (keyword == "pattern") {
        if (value.is_string() && !std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>())))
          fail("does not match " + rule.dump());
      } else if (keyword == "required") {
        for (const auto& key : rule) {
          if (value.is_object() && !value.contains(key.get<std::string>())) fail("lacks " + key.dump());
        }
      } else if (keyword == "properties") {
        for (const auto& [key, inner] : rule.items()) {
          if (value.is_object() && value.contains(key)) check(inner, value.at(key), path + "/" + key, found);
        }
      } else if (keyword == "additionalProperties") {
        if (rule == true) throw std::runtime_error("additionalProperties: true says nothing");
        for (const auto& [key, inner] : value.items()) {
          if (schema.contains("properties") && schema.at("properties").contains(key)) continue;
          if (rule == false)
            fail("has \"" + key + "\", which is not known");
          else
            check(rule, inner, path + "/" + key, found);
        }
      } else if (keyword == "items") {
        for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
          check(rule, value[i], path + "/" + std::to_string(i), found);
      } else {
        throw std::runtime_error("unknown keyword " + keyword);
      }
    }
  }

  nlohmann::json schema_;
};

}  // namespace fulcrum::test
