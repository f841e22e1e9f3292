#pragma once
/// \file
/// Reports, profiles and studies as JSON and HTML (target fulcrum::fulcrum; nlohmann/json).

#include <fulcrum/cost/profile_file.hpp>

#include <fulcrum/report/explanation_json.hpp>
#include <fulcrum/report/html.hpp>
#include <fulcrum/report/json.hpp>
#include <fulcrum/report/pass_json.hpp>
