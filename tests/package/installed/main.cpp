// A model through everything the package offers: ONNX out and in, and the same answer from both executors.
#include <cmath>
#include <cstdio>
#include <vector>

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>
#include <fulcrum/onnx.hpp>

int main() {
  using namespace fulcrum;
  const Model<float> built =
      ModelBuilder<float>("consumer", 1).input({1, 8, 8}).conv(4, 3).relu().flatten().dense(3).build();
  const Model<float> model = parse_onnx(serialize_onnx(built));

  std::vector<Tensor<float>> src;
  src.emplace_back(Shape{1, 1, 8, 8}, 0.5F);
  const Tensor<float> expected = ReferenceExecutor<float>(model).run(src).front();
  const Tensor<float> result = OnednnExecutor(model, RunConfig{}).run(src).front();
  for (std::size_t i = 0; i < expected.flat().size(); ++i) {
    std::printf("%g %g\n", static_cast<double>(expected.flat()[i]), static_cast<double>(result.flat()[i]));
    if (!(std::abs(expected.flat()[i] - result.flat()[i]) < 1e-4F)) return 1;
  }
  return 0;
}
