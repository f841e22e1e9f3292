#include <fulcrum/report/advice_text.hpp>

#include <report/advices.hpp>
#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("advice in words: the whole model, the best mixture, each layer's changes") {
  const std::string text = to_text(synthetic::advice());
  CHECK_THAT(text, ContainsSubstring("net, f32, batch 4, 1 thread, 1 instance, predicted median 10.0 ms"));
  CHECK_THAT(text, ContainsSubstring("best: int8, fc in f32"));
  CHECK_THAT(text, ContainsSubstring("saves 20.0 % (2.00 ms)"));
  CHECK_THAT(text, ContainsSubstring("costs 1.0 % (100 µs)"));
  CHECK_THAT(text, ContainsSubstring("channels: 8 of 16 channels"));
  CHECK_THAT(text, ContainsSubstring("it is an output of the model"));
  CHECK_THAT(text, ContainsSubstring("note: a note"));
}
