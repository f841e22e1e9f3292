// Weights and images that are already in your memory: wrap them in tensors, put them into layers, look at them with
// Eigen.

#include <cstdio>
#include <vector>

#if __has_include(<xtensor/core/xmath.hpp>)  // xtensor 0.26 and later
#include <xtensor/core/xmath.hpp>
#else
#include <xtensor/xmath.hpp>
#endif

#include <fulcrum/fulcrum.hpp>
#include <fulcrum/tensor/matrix_view.hpp>

using namespace fulcrum;

int main() {
  // An edge detector you have as plain floats: (oc, ic, kh, kw) = (1, 1, 3, 3).
  const std::vector<float> sobel{-1, 0, 1, -2, 0, 2, -1, 0, 1};
  Conv<float> edges;
  edges.weights = Tensor<float>({1, 1, 3, 3}, std::span<const float>(sobel));
  edges.window = {.kernel = {3, 3}, .padding = 1};

  ModelBuilder<float> b("edges");
  b.input({1, 4, 4});
  const Model<float> model = b.layer(edges, {b.last()}).relu().build();

  Tensor<float> image({1, 1, 4, 4});
  for (std::int64_t row = 0; row < 4; ++row) image.at(0, 0, row, 3) = 1.0F;  // a bright right edge

  const std::vector<Tensor<float>> src{image};
  const Tensor<float> dst = ReferenceExecutor<float>(model).run(src).front().reshaped({4, 4});
  const Tensor<float> scaled = dst / xt::amax(dst)();  // tensors are xtensor expressions
  std::printf("strongest edge %.0f, mean %.3f\n", static_cast<double>(xt::amax(dst)()),
              static_cast<double>(as_matrix(scaled).mean()));
}
