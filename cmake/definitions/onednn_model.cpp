#include <fulcrum/exec/onednn_model.hpp>  // with its definitions: the target defines FULCRUM_DEFINITIONS
