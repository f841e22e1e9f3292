// OnednnModel::compile(), by far the largest function of its folder.
#define FULCRUM_DEFINES_exec_compile 1
#include <fulcrum/exec/onednn_model.hpp>
