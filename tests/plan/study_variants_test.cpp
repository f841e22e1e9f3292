#include <fulcrum/plan/study_variants.hpp>

#include <set>

#include <plan/small_study.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

namespace {
/// A study over f32 alone, dense and half pruned.
struct SmallStudy {
  Model<float> model = synthetic::small_model();
  Dataset data = synthetic::images_labelled_by(model, 40, 1);
  MachineProfile profile = synthetic::plausible_profile();
  TradeoffOptions options;
  ConfigurationSpace space;

  SmallStudy() {
    space.precisions = {Precision::f32};
    space.sparsities = {0.0, 0.5};
  }
  [[nodiscard]] detail::StudyInputs inputs() const { return {model, data, data, profile, options, 1}; }
};
}  // namespace

TEST_CASE("a part of a progress goes from one share of the whole to another, under its own name or that of the stage") {
  std::vector<Progress> seen;
  const ProgressSink whole = [&](const Progress& p) { seen.push_back(p); };
  detail::part_of(whole, 0.5, 0.75)(Progress{0.5, "loading", {}});
  detail::part_of(whole, 0.5, 0.75, "making f32")(Progress{1.0, "loading", {}});
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].fraction == Approx(0.625));
  CHECK(seen[0].stage == "loading");
  CHECK(seen[1].fraction == Approx(0.75));
  CHECK(seen[1].stage == "making f32");
  CHECK_FALSE(detail::part_of({}, 0.0, 1.0));
}

TEST_CASE("findings belong to one study while weights, samples, score, seed and calibration are the same") {
  SmallStudy study;
  const Environment here = onednn_environment();
  std::set<StudyIdentity> seen{detail::identity_of(study.inputs(), here)};
  CHECK(seen.contains(detail::identity_of(study.inputs(), here)));
  const auto differs = [&](const char* what) {
    INFO(what);
    CHECK(seen.insert(detail::identity_of(study.inputs(), here)).second);
  };
  study.options.seed = 3;
  differs("the seed");
  study.options.calibration_images = 64;
  differs("the number of images");
  study.options.metric = mean_metric("another score", [](const Answers&) { return 0.0; });
  differs("the score");
  study.data.labels.front() += 1;
  differs("a label");
  study.data.images.flat().front() += 1.0F;
  differs("a pixel");
  study.model = ModelBuilder<float>("small", 6).input({1, 8, 8}).conv(8, 3).flatten().dense(4).build();
  differs("the model");
}

TEST_CASE("the dense f32 variant comes first, each variant once, and an accuracy that is kept is not found again") {
  SmallStudy study;
  study.space.sparsities = {0.5, 0.0};
  std::vector<VariantChoice> kept;
  StudyKeeper keeper;
  keeper.open = [](const StudyIdentity&) {};
  keeper.accuracy = [](const VariantChoice& choice) {
    return choice.sparsity == 0.5 ? std::optional(0.125) : std::nullopt;
  };
  keeper.keep_accuracy = [&](const VariantChoice& choice, double) { kept.push_back(choice); };
  const std::vector<VariantModel> variants = detail::make_variants(study.inputs(), study.space, keeper, {});
  REQUIRE(variants.size() == 2);
  CHECK(variants[0].variant.sparsity == 0.0);
  CHECK(variants[0].variant.accuracy == 1.0);  // the labels are its own answers
  CHECK(variants[1].variant.accuracy == 0.125);
  REQUIRE(kept.size() == 1);
  CHECK(kept.front().sparsity == 0.0);
  CHECK(detail::find_variant(variants, {Precision::f32, 0.5, {}}) == &variants[1]);
  CHECK(detail::find_variant(variants, {Precision::int8, 0.5, {}}) == nullptr);
}

TEST_CASE("a recipe that cannot be followed leaves its variants without a model, and the reason") {
  SmallStudy study;
  study.space.sparsities = {0.0};
  study.space.recipes = {Recipe("kept").prune({.options = {.sparsity = 0.5}}),
                         Recipe("broken").prune({.options = {.sparsity = 0.5}})};
  study.options.recipe_models.find = [&](const std::string& recipe) -> std::optional<Model<float>> {
    if (recipe == "broken") throw Error("the model of 'broken'", "is damaged", "delete it");
    return study.model;
  };
  const std::vector<VariantModel> variants = detail::make_variants(study.inputs(), study.space, {}, {});
  REQUIRE(variants.size() == 3);
  CHECK(variants[1].model.has_value());
  CHECK(variants[1].variant.nonzero_parameters == variants[0].variant.nonzero_parameters);  // what was kept, not pruned
  CHECK_FALSE(variants[2].model.has_value());
  CHECK_THAT(variants[2].variant.why_not, ContainsSubstring("recipe 'broken' could not be followed"));
  CHECK_THAT(variants[2].variant.why_not, ContainsSubstring("is damaged"));
}
