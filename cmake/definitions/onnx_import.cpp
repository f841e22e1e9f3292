#include <fulcrum/io/onnx_import.hpp>  // with its definitions: the target defines FULCRUM_DEFINITIONS
