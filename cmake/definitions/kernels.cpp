// What layers compute.
#define FULCRUM_DEFINES_kernels 1
#include <fulcrum/layers/kernels/kernels.hpp>
