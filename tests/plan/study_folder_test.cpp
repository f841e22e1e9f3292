#include <fulcrum/plan/study_folder.hpp>

#include <fulcrum/core/file.hpp>

#include <plan/synthetic.hpp>
#include <support/catch.hpp>
#include <support/temporary_folder.hpp>

using namespace fulcrum;

namespace {

Candidate candidate(double sparsity) {
  Candidate c;
  c.sparsity = sparsity;
  c.config = {8, 1, 2, Precision::int8};
  return c;
}

}  // namespace

TEST_CASE("rounds and accuracies come back as they were kept, each under its own candidate") {
  const test::TemporaryFolder folder;
  const StudyFolder study(folder.path("kept"));
  study.open({{"model", "a"}});
  CHECK(study.rounds(candidate(0.5)).empty());
  LatencyReport report = synthetic::report(ReportKind::measured, candidate(0.5).config, 2.0);
  report.timings = {Milliseconds(1.5), Milliseconds(2.5)};
  study.keep(candidate(0.5), {{"2026-01-31T12:00:00Z", 1.25, report}, {"2026-01-31T12:00:01Z", {}, report}});
  const std::vector<KeptRound> rounds = study.rounds(candidate(0.5));
  REQUIRE(rounds.size() == 2);
  CHECK(rounds[0].measured_at == "2026-01-31T12:00:00Z");
  CHECK(rounds[0].slowdown == 1.25);
  CHECK_FALSE(rounds[1].slowdown.has_value());
  CHECK(rounds[0].report == report);
  CHECK(study.rounds(candidate(0.0)).empty());

  const VariantChoice plain{Precision::int8, 0.5, {}};
  VariantChoice narrow = plain;
  narrow.making.weight_bits = 4;
  study.keep(plain, 0.75);
  CHECK(study.accuracy(plain) == 0.75);
  CHECK_FALSE(study.accuracy(narrow).has_value());
}

TEST_CASE("a folder takes the same study again, and no other") {
  const test::TemporaryFolder folder;
  keeper_in(folder.path("kept")).open({{"model", "a"}, {"seed", "1"}});
  CHECK_NOTHROW(keeper_in(folder.path("kept")).open({{"model", "a"}, {"seed", "1"}}));
  CHECK_THROWS_WITH(keeper_in(folder.path("kept")).open({{"model", "a"}, {"seed", "2"}}),
                    ContainsSubstring("another seed: 1"));
  write_file_atomically(folder.path("about.txt"), "somebody's");
  CHECK_THROWS_WITH(keeper_in(folder.path(".")).open({{"model", "a"}}), ContainsSubstring("no study"));
}

TEST_CASE("files of a study are named so that a person finds them and no two share a name") {
  const StudyFolder study("f");
  const std::string a = study.path_for("recipe", "half the FLOPs / int8");
  CHECK_THAT(a, Catch::Matchers::StartsWith("f/recipe-half-the-FLOPs-int8-") && Catch::Matchers::EndsWith(".json"));
  CHECK(a != study.path_for("recipe", "half the FLOPs + int8"));
}
