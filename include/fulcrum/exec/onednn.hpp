#pragma once
/// \file
/// The oneDNN executor: f32, bf16 and int8 on CPUs.

#include <fulcrum/exec/executor.hpp>
#include <fulcrum/exec/int8_options.hpp>
#include <fulcrum/exec/onednn_executor.hpp>
#include <fulcrum/exec/onednn_factory.hpp>
#include <fulcrum/exec/onednn_model.hpp>
#include <fulcrum/exec/onednn_model_cache.hpp>
#include <fulcrum/exec/onednn_runner.hpp>
#include <fulcrum/exec/step_info.hpp>
#include <fulcrum/onednn/precision_support.hpp>
