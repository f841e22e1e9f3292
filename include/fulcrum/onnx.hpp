#pragma once
/// \file
/// ONNX files in and out (target fulcrum::onnx).

#include <fulcrum/onnx/export.hpp>
#include <fulcrum/onnx/import.hpp>
