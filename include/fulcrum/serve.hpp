#pragma once
/// \file
/// A server of models (target fulcrum::serve; Boost.Beast and Boost.Asio, OpenSSL, oneDNN, ONNX).

#include <fulcrum/serve/access_rules.hpp>
#include <fulcrum/serve/canary.hpp>
#include <fulcrum/serve/direct_call.hpp>
#include <fulcrum/serve/http_load.hpp>
#include <fulcrum/serve/inference_protocol.hpp>
#include <fulcrum/serve/latency_histogram.hpp>
#include <fulcrum/serve/metrics_text.hpp>
#include <fulcrum/serve/model_repository.hpp>
#include <fulcrum/serve/model_settings.hpp>
#include <fulcrum/serve/request_error.hpp>
#include <fulcrum/serve/response_cache.hpp>
#include <fulcrum/serve/sequential_test.hpp>
#include <fulcrum/serve/served_version.hpp>
#include <fulcrum/serve/server.hpp>
#include <fulcrum/serve/server_options.hpp>
#include <fulcrum/serve/sha256.hpp>
#include <fulcrum/serve/signed_model.hpp>
#include <fulcrum/serve/supervise.hpp>
#include <fulcrum/serve/tensor_bytes.hpp>
#include <fulcrum/serve/traffic_plan.hpp>
#include <fulcrum/serve/version_metrics.hpp>
#include <fulcrum/serve/watched_runner.hpp>
