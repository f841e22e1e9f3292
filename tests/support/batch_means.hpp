#pragma once
// A mean of figures that depend on their neighbours, with its sampling error.

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace fulcrum::test {

struct BatchMean {
  double mean = 0.0;
  double error = 0.0;  ///< standard error: of the means of 40 long batches, which hardly depend on one another
};

inline BatchMean batch_mean(std::span<const double> figures) {
  constexpr std::size_t batches = 40;
  std::vector<double> means;
  for (std::size_t b = 0; b < batches; ++b) {
    const std::size_t first = b * figures.size() / batches, last = (b + 1) * figures.size() / batches;
    double sum = 0.0;
    for (const double figure : figures.subspan(first, last - first)) sum += figure;
    means.push_back(sum / static_cast<double>(last - first));
  }
  BatchMean result;
  for (const double mean : means) result.mean += mean / batches;
  double squares = 0.0;
  for (const double mean : means) squares += (mean - result.mean) * (mean - result.mean);
  result.error = std::sqrt(squares / (batches - 1) / batches);
  return result;
}

}  // namespace fulcrum::test
