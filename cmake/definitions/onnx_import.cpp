#define FULCRUM_DEFINES_onnx_import 1
#include <fulcrum/onnx/import.hpp>
