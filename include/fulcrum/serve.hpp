#pragma once
/// \file
/// A server of models (target fulcrum::serve; Boost.Beast and Boost.Asio, oneDNN, ONNX).

#include <fulcrum/serve/inference_protocol.hpp>
#include <fulcrum/serve/latency_histogram.hpp>
#include <fulcrum/serve/metrics_text.hpp>
#include <fulcrum/serve/model_repository.hpp>
#include <fulcrum/serve/model_settings.hpp>
#include <fulcrum/serve/request_error.hpp>
#include <fulcrum/serve/served_version.hpp>
#include <fulcrum/serve/server.hpp>
#include <fulcrum/serve/server_options.hpp>
#include <fulcrum/serve/tensor_bytes.hpp>
#include <fulcrum/serve/version_metrics.hpp>
#include <fulcrum/serve/watched_runner.hpp>
