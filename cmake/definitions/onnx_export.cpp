#include <fulcrum/io/onnx_export.hpp>  // with its definitions: the target defines FULCRUM_DEFINITIONS
