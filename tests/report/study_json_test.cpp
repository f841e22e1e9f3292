#include <fulcrum/report/study_json.hpp>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

namespace {

StudyDescription read(const std::string& text) {
  return study_from_json(nlohmann::json::parse(text), 2, [](const std::string& name) {
    return nlohmann::json::parse(R"({"name": ")" + name + R"(", "steps": [{"step": "low_rank"}]})");
  });
}

}  // namespace

TEST_CASE("a study's file says what is considered, and leaves the rest to the defaults") {
  const StudyDescription study = read(R"({"model": "zoo:mlp", "data": "d", "slo_p99_ms": 2, "precisions": ["int8"],
    "sparsities": [0, 0.5], "scopes": ["layer"], "batches": [1, 8], "threads": [1], "weight_bits": [4, 8],
    "calibrations": ["mse"], "recipes": ["narrow", {"name": "other", "steps": [{"step": "low_rank"}]}],
    "rounds": 3, "seconds_per_round": 0.5, "measure_at_most": 7, "seed": 9, "keep_in": "k"})");
  CHECK(study.model == "zoo:mlp");
  CHECK(study.keep_in == "k");
  CHECK(study.options.data == "d");
  CHECK(study.options.objective.slo_p99 == Milliseconds(2.0));
  const ConfigurationSpace& space = *study.options.space;
  CHECK(space.precisions == std::vector{Precision::int8});
  CHECK(space.scopes == std::vector{PruneScope::layer});
  CHECK(space.weight_bits == std::vector{4, 8});
  CHECK(space.instances == std::vector{1, 2});
  REQUIRE(space.recipes.size() == 2);
  CHECK(space.recipes[0].name() == "narrow");
  CHECK(study.options.rounds == 3);
  CHECK(study.options.time_per_round == Seconds(0.5));
  CHECK(study.options.selection.limit == 7);
  CHECK(study.options.seed == 9);
  CHECK(read("{}").options.rounds == TradeoffOptions{}.rounds);
}

TEST_CASE("what makes no sense in a study's file is named") {
  CHECK_THROWS_WITH(read(R"({"batch": [1]})"), ContainsSubstring("batch") && ContainsSubstring("batches"));
  CHECK_THROWS_WITH(read(R"({"batches": [0]})"), ContainsSubstring("batches[0]"));
  CHECK_THROWS_WITH(read(R"({"precisions": ["f64"]})"), ContainsSubstring("precisions[0]"));
  CHECK_THROWS_WITH(read(R"({"sparsities": [1.0]})"), ContainsSubstring("sparsities"));
  CHECK_THROWS_WITH(read(R"({"threads": [4]})"), ContainsSubstring("fit 2 core(s)"));
  CHECK_THROWS_WITH(read(R"({"recipes": ["a", "a"]})"), ContainsSubstring("two of the name 'a'"));
  CHECK_THROWS_WITH(read(R"([])"), ContainsSubstring("object"));
}
