// Training.
#define FULCRUM_DEFINES_train 1
#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>
