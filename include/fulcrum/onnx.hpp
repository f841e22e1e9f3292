#pragma once
/// \file
/// ONNX files in and out (target fulcrum::onnx).

#include <fulcrum/io/onnx_export.hpp>
#include <fulcrum/io/onnx_import.hpp>
