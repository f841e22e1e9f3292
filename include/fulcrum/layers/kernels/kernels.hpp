#pragma once
/// \file
/// What each layer computes, in plain loops over row-major values: the one definition that the reference executor, the
/// folding of constants and the layers that have no oneDNN primitive share.

#include <fulcrum/layers/kernels/along_axis.hpp>
#include <fulcrum/layers/kernels/conv_transpose.hpp>
#include <fulcrum/layers/kernels/custom.hpp>
#include <fulcrum/layers/kernels/elementwise.hpp>
#include <fulcrum/layers/kernels/indexed.hpp>
#include <fulcrum/layers/kernels/matmul.hpp>
#include <fulcrum/layers/kernels/matmul_nbits.hpp>
#include <fulcrum/layers/kernels/movement.hpp>
#include <fulcrum/layers/kernels/non_max_suppression.hpp>
#include <fulcrum/layers/kernels/normalization.hpp>
#include <fulcrum/layers/kernels/recurrent.hpp>
#include <fulcrum/layers/kernels/reduce.hpp>
#include <fulcrum/layers/kernels/resize.hpp>
#include <fulcrum/layers/kernels/sampling.hpp>
