#pragma once
/// \file
/// A study kept in a folder of small files.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/plan/study_keeper.hpp>

namespace fulcrum {

/// One file for each candidate with all its rounds, one for each variant with its accuracy, and about.json, which says
/// what they belong to. Each is replaced as a whole.
class StudyFolder {
public:
  explicit StudyFolder(std::string folder) : folder_(std::move(folder)) {}

  /// Creates the folder where there is none.
  /// \throws Error when the folder cannot be made or written to, holds other files, or the findings of another study,
  ///         naming what differs
  FULCRUM_DECLARE void open(const StudyIdentity& identity) const;
  /// \throws Error when the file of the candidate is none of a study
  FULCRUM_DECLARE [[nodiscard]] std::vector<KeptRound> rounds(const Candidate& candidate) const;
  FULCRUM_DECLARE void keep(const Candidate& candidate, const std::vector<KeptRound>& rounds) const;
  FULCRUM_DECLARE [[nodiscard]] std::optional<double> accuracy(const VariantChoice& variant) const;
  FULCRUM_DECLARE void keep(const VariantChoice& variant, double accuracy) const;

  /// Where a file of the study belongs that is named by a text: the text's letters and digits, and enough of its hash
  /// that no two texts share one. Ends in ".json".
  FULCRUM_DECLARE [[nodiscard]] std::string path_for(const std::string& kind, const std::string& text) const;

private:
  std::string folder_;
};

/// Keeps a study in a folder.
FULCRUM_DECLARE [[nodiscard]] StudyKeeper keeper_in(const std::string& folder);

}  // namespace fulcrum

#if FULCRUM_DEFINES(plan)

#include <filesystem>
#include <system_error>

#include <nlohmann/json.hpp>

#include <fulcrum/core/file.hpp>
#include <fulcrum/core/utf8.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/latency_report_json.hpp>

namespace fulcrum::detail {

FULCRUM_DECLARE std::string name_of_choice(const VariantChoice& choice) {
  return variant_name(choice.precision, choice.sparsity, choice.making);
}

FULCRUM_DECLARE std::string text_of(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace fulcrum::detail

namespace fulcrum {

FULCRUM_DEFINE std::string StudyFolder::path_for(const std::string& kind, const std::string& text) const {
  std::string name = kind + "-";
  for (const char c : text.substr(0, 80)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain)
      name += c;
    else if (name.back() != '-')
      name += '-';
  }
  detail::ContentHash hash;
  hash.add(text);
  return folder_ + "/" + name + "-" + hash.text().substr(0, 8) + ".json";
}

FULCRUM_DEFINE void StudyFolder::open(const StudyIdentity& identity) const {
  std::error_code failure;
  std::filesystem::create_directories(folder_, failure);
  if (failure) throw Error("'" + folder_ + "'", "cannot be made: " + failure.message(), "choose another folder");
  const std::string path = folder_ + "/about.json";
  if (!std::filesystem::exists(path)) {
    if (!std::filesystem::is_empty(folder_))
      throw Error("'" + folder_ + "'", "holds other files, and no study", "choose an empty folder or a new one");
    write_file_atomically(path, nlohmann::json(identity).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  check_writable(path);
  const nlohmann::json kept = read_json_file(path, "remove the folder");
  const JsonReader reader(kept);
  for (const auto& [key, value] : identity) {
    const std::string before = reader.at(key).text();
    if (before == valid_utf8(value)) continue;
    throw Error("'" + folder_ + "'", "holds a study of another " + key + ": " + before.substr(0, 60),
                "choose another folder, or remove this one");
  }
}

FULCRUM_DEFINE std::vector<KeptRound> StudyFolder::rounds(const Candidate& candidate) const {
  const std::string path = path_for("candidate", to_string(candidate));
  std::vector<KeptRound> rounds;
  if (!std::filesystem::exists(path)) return rounds;
  const nlohmann::json document = read_json_file(path, "remove it");
  const JsonReader reader(document);
  if (reader.at("candidate").text() != valid_utf8(to_string(candidate))) return rounds;
  for (const JsonReader& round : reader.at("rounds").elements()) {
    rounds.emplace_back();
    rounds.back().measured_at = round.at("measured_at").text();
    if (const auto slowdown = round.find("slowdown")) rounds.back().slowdown = slowdown->number(0.0);
    rounds.back().report = latency_report_from_json(round.at("report"));
  }
  return rounds;
}

FULCRUM_DEFINE void StudyFolder::keep(const Candidate& candidate, const std::vector<KeptRound>& rounds) const {
  nlohmann::json list = nlohmann::json::array();
  for (const KeptRound& round : rounds) {
    list.push_back({{"measured_at", round.measured_at},
                    {"slowdown", number_or_null(round.slowdown)},
                    {"report", to_json(round.report)}});
  }
  const std::string name = to_string(candidate);
  write_file_atomically(path_for("candidate", name),
                        detail::text_of({{"candidate", valid_utf8(name)}, {"rounds", std::move(list)}}));
}

FULCRUM_DEFINE std::optional<double> StudyFolder::accuracy(const VariantChoice& variant) const {
  const std::string name = detail::name_of_choice(variant);
  const std::string path = path_for("variant", name);
  if (!std::filesystem::exists(path)) return std::nullopt;
  const nlohmann::json document = read_json_file(path, "remove it");
  const JsonReader reader(document);
  if (reader.at("variant").text() != valid_utf8(name)) return std::nullopt;
  return reader.at("accuracy").number();
}

FULCRUM_DEFINE void StudyFolder::keep(const VariantChoice& variant, double accuracy) const {
  const std::string name = detail::name_of_choice(variant);
  write_file_atomically(path_for("variant", name),
                        detail::text_of({{"variant", valid_utf8(name)}, {"accuracy", accuracy}}));
}

FULCRUM_DEFINE StudyKeeper keeper_in(const std::string& folder) {
  StudyKeeper keeper;
  keeper.open = [folder](const StudyIdentity& identity) { StudyFolder(folder).open(identity); };
  keeper.rounds = [folder](const Candidate& candidate) { return StudyFolder(folder).rounds(candidate); };
  keeper.keep_rounds = [folder](const Candidate& candidate, const std::vector<KeptRound>& rounds) {
    StudyFolder(folder).keep(candidate, rounds);
  };
  keeper.accuracy = [folder](const VariantChoice& variant) { return StudyFolder(folder).accuracy(variant); };
  keeper.keep_accuracy = [folder](const VariantChoice& variant, double accuracy) {
    StudyFolder(folder).keep(variant, accuracy);
  };
  return keeper;
}

}  // namespace fulcrum

#endif
