#include <fulcrum/onnx/import.hpp>  // with its definitions: the target defines FULCRUM_DEFINITIONS
