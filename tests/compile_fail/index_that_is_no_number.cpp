// expect: no matching (member )?function
#include <fulcrum/tensor/tensor.hpp>

// Checked access takes whole numbers only.
float element(const fulcrum::Tensor<float>& tensor) {
#ifdef MUST_FAIL
  return tensor.at(0.5F, 0);
#else
  return tensor.at(0, 0);
#endif
}
