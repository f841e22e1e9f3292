// What the headers define may be in any number of a program's sources.
#include <fulcrum/fulcrum.hpp>
#include <fulcrum/json.hpp>
#include <fulcrum/onednn.hpp>
#include <fulcrum/onnx.hpp>
