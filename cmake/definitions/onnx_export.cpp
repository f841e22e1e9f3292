#define FULCRUM_DEFINES_onnx_export 1
#include <fulcrum/onnx/export.hpp>
