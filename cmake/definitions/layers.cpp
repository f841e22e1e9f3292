// What layers are.
#define FULCRUM_DEFINES_layers 1
#include <fulcrum/layers/layer.hpp>
