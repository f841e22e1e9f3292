#include <limits>

#include <support/catch.hpp>

#include <peers/cases.hpp>
#include <peers/difference.hpp>
#include <peers/report_json.hpp>
#include <peers/turns.hpp>
#include <peers/worker.hpp>

using namespace fulcrum;
using namespace fulcrum::peers;
using namespace std::chrono_literals;

namespace {
CaseResult timed_case() {
  CaseResult result;
  result.test = {"fashion_cnn", 1, f32_to_f32};
  result.difference = 1e-6;
  result.ours.p50 = result.ours.p99 = 1ms;
  result.theirs.p50 = result.theirs.p99 = 2ms;
  result.node_call = 500us;
  result.rounds = {{1ms, 2ms, 500us}, {1ms, 3ms, 500us}, {1ms, 2ms, 250us}};
  return result;
}
}  // namespace

TEST_CASE("a selection of cases has every comparison of a network for each batch") {
  const std::vector<Case> cases = selected_cases({{"fashion_cnn"}, {8}, {Precision::int8}});
  REQUIRE(cases.size() == 2);
  CHECK(cases[0] == Case{"fashion_cnn", 8, int8_to_int8});
  CHECK(cases[1] == Case{"fashion_cnn", 8, int8_to_f32});
  CHECK(selected_step_cases({{"fashion_cnn"}, {8}, {Precision::int8}}).size() == 1);
  CHECK(selected_step_cases({}).front().network == "resnet50");
  CHECK(peers::to_string(cases[1]) == "fashion_cnn, batch 8, int8 / f32");
}

TEST_CASE("files are compared beside networks, or alone") {
  Selection selection{{}, {}, {Precision::f32}, {"somewhere/a.onnx"}, dims_from({"width=320"})};
  REQUIRE(selected_cases(selection).size() == 1);
  CHECK(selected_cases(selection)[0] == Case{"a", 1, f32_to_f32, "somewhere/a.onnx", {{"width", 320}}});
  CHECK(selected_step_cases(selection).size() == 1);
  selection.networks = {"mlp"};
  CHECK(selected_cases(selection).back().network == "a");
  CHECK_THROWS_WITH(validate(selection), ContainsSubstring("'somewhere/a.onnx'"));
  CHECK_THROWS_WITH(dims_from({"width"}), ContainsSubstring("NAME=EXTENT"));
}

TEST_CASE("unknown networks and batches below 1 are refused") {
  CHECK_THROWS_WITH(validate(Selection{{"resnet500"}, {}, {}}), ContainsSubstring("there are: "));
  CHECK_THROWS_WITH(validate(Selection{{}, {0}, {}}), ContainsSubstring("--batches"));
}

TEST_CASE("a turn has a few runs however little time there is") {
  int runs = 0;
  const Samples times = timed_runs(Turn{Seconds(0.0), Seconds(0.0)}, [&] { ++runs; });
  CHECK(times.size() == Turn::fewest_runs);
  CHECK(runs == Turn::fewest_warmup_runs + Turn::fewest_runs);
}

TEST_CASE("a ratio is theirs without the call over ours, round by round") {
  const std::vector<double> all = ratios(timed_case().rounds);
  REQUIRE(all.size() == 3);
  CHECK(all[0] == Approx(1.5));
  CHECK(all[1] == Approx(2.5));
  CHECK(all[2] == Approx(1.75));
  CHECK(net(1ms, 2ms) == 0ms);
  const std::vector<StepRound> steps{{2ms, 1ms, 2ms}};
  CHECK(ratios(steps, &StepRound::alone).front() == Approx(2.0));
  CHECK(middle(steps, &StepRound::in_place) == 2ms);
}

TEST_CASE("outputs differ by a part of the largest, and NaN or another shape by infinitely much") {
  const Tensor<float> theirs({2}, {4.0F, 1.0F});
  CHECK(largest_difference(theirs, Tensor<float>({2}, {4.0F, 2.0F})) == Approx(0.25));
  CHECK(largest_difference(theirs, theirs) == 0.0);
  CHECK(largest_difference(Tensor<float>({1}, {1e-4F}), Tensor<float>({1}, {2e-4F})) == Approx(0.01));
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(std::isinf(largest_difference(theirs, Tensor<float>({2}, {4.0F, nan}))));
  CHECK(std::isinf(largest_difference(theirs, Tensor<float>({1, 2}, {4.0F, 1.0F}))));
}

TEST_CASE("the worker's answers are objects, and its errors become ours") {
  CHECK(times_of(parse_answer(R"({"times_ns": [5, 7]})")) == Samples{5ns, 7ns});
  CHECK_THROWS_WITH(parse_answer(R"({"error": "no such file"})"), ContainsSubstring("ONNX Runtime: no such file"));
  CHECK_THROWS_WITH(parse_answer("Segmentation fault"), ContainsSubstring("Segmentation fault"));
}

TEST_CASE("the table has the net times and the quartiles of the ratio") {
  const Sheet sheet = peer_sheet({timed_case()});
  const std::string markdown = to_markdown(sheet);
  CHECK_THAT(markdown, ContainsSubstring("| fashion_cnn | 1 | f32 / f32 | 1.00 ms | 1.00 ms | 1.50 ms | 1.50 ms | "
                                         "500 µs | 1.75 | 1.50 … 2.50 |"));
  CHECK_THAT(to_text(sheet), ContainsSubstring("1.50 … 2.50"));
}

TEST_CASE("what was not timed says why below the table") {
  CaseResult result;
  result.test = {"bert_base", 1, int8_to_f32};
  result.why_not = "takes 3 inputs";
  const std::string markdown = to_markdown(peer_sheet({result}));
  CHECK_THAT(markdown, ContainsSubstring("| bert_base | 1 | int8 / f32 | not available |"));
  CHECK_THAT(markdown, ContainsSubstring("\n- bert_base, batch 1, int8 / f32: not available: takes 3 inputs\n"));
  result.failed = true;
  CHECK_THAT(to_markdown(peer_sheet({result})), ContainsSubstring("| failed |"));
}

TEST_CASE("a cell of Markdown keeps its bars") {
  CHECK(to_markdown(Sheet{{{"a"}, {"b", Align::right}}, {{"x|y"}}, {}}) == "| a | b |\n|---|---:|\n| x\\|y |  |\n");
}

TEST_CASE("JSON has every round") {
  Report report;
  report.cases = {timed_case()};
  report.steps = {{{"resnet50", 1, f32_to_f32}, {}, false, 57, {{2ms, 1ms, 2ms}}}};
  const nlohmann::json j = peers::to_json(report);
  CHECK(j.at("cases")[0].at("ratio").at("rounds").size() == 3);
  CHECK(j.at("cases")[0].at("ratio").at("median").get<double>() == Approx(1.75));
  CHECK(j.at("steps")[0].at("ratio_to_steps_alone").at("median").get<double>() == Approx(2.0));
}
