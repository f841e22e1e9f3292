#include <fulcrum/onnx/export.hpp>  // with its definitions: the target defines FULCRUM_DEFINITIONS
