#include <fulcrum/core/error.hpp>

#include <support/catch.hpp>

using namespace fulcrum;

TEST_CASE("an error is one sentence: where, what, remedy") {
  const Error error("--threads", "is 0", "give a number from 1 to 2");
  CHECK(std::string(error.what()) == "--threads: is 0; give a number from 1 to 2");
  CHECK(error.where() == "--threads");
  CHECK(error.problem() == "is 0");
  CHECK(error.remedy() == "give a number from 1 to 2");
}

TEST_CASE("an error without a remedy or a place says only what it knows") {
  CHECK(std::string(Error("model.onnx", "is cut short").what()) == "model.onnx: is cut short");
  CHECK(std::string(Error("", "out of luck").what()) == "out of luck");
  CHECK(Error("model.onnx", "is cut short").remedy().empty());
}

TEST_CASE("an error can be caught as any standard exception and keeps its parts when copied") {
  try {
    const Error error("layer 'conv1'", "has no weights", "give it some");
    throw Error(error);
  } catch (const std::exception& caught) {
    CHECK(std::string(caught.what()) == "layer 'conv1': has no weights; give it some");
    const auto* error = dynamic_cast<const Error*>(&caught);
    REQUIRE(error != nullptr);
    CHECK(error->problem() == "has no weights");
  }
}
