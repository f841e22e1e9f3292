// expect: deleted function
// expect: as_matrix
#include <fulcrum/tensor/matrix_view.hpp>

// A map of a tensor that is gone after the semicolon would read freed memory.
float sum() {
  fulcrum::Tensor<float> named({2, 2}, 1.0F);
  float result = fulcrum::as_matrix(named).sum();
#ifdef MUST_FAIL
  result += fulcrum::as_matrix(fulcrum::Tensor<float>({2, 2}, 1.0F)).sum();
#endif
  return result;
}
