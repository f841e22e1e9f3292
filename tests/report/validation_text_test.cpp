#include <fulcrum/report/validation_text.hpp>

#include <report/validations.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("the card says how many were how close, beside the machine's noise") {
  const std::string text = to_text(synthetic::validation());
  CHECK_THAT(text, ContainsSubstring("a CPU, 2026-01-31T12:00:00Z, profile of 2026-01-30T12:00:00Z"));
  CHECK_THAT(text, ContainsSubstring("all"));
  CHECK_THAT(text, ContainsSubstring("convolution"));
  CHECK_THAT(text, ContainsSubstring("noise: medians of one case lie 3.0 % apart"));
  CHECK_THAT(text, ContainsSubstring("median inside its predicted range in 100 % of 1 cases"));
  CHECK_THAT(text, ContainsSubstring("net <b>, int8, batch 4, 2 threads, 1 instance"));
  CHECK_THAT(text, ContainsSubstring("−50 %"));
  CHECK_THAT(text, ContainsSubstring("skipped (1 case) other, net in f32: could not be measured"));
  CHECK_THAT(text, ContainsSubstring("by round: +12 % (memory −25 %) 0 % (memory 0 %)"));
  CHECK_THAT(text, ContainsSubstring("all, at the machine's present speed"));
  CHECK_THAT(text, ContainsSubstring("note: a note"));
}

TEST_CASE("a validation in which nothing could run still makes a card") {
  Validation v = synthetic::validation();
  v.cases.erase(v.cases.begin(), v.cases.begin() + 2);
  CHECK_THAT(to_text(v), ContainsSubstring("skipped (1 case)"));
  CHECK_THAT(to_text(Validation{}), ContainsSubstring("not known"));
}
