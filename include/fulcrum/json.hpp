#pragma once
/// \file
/// Reports, profiles and studies as JSON and HTML (target fulcrum::fulcrum; nlohmann/json).

#include <fulcrum/run/compare_json.hpp>
#include <fulcrum/run/environment_json.hpp>
#include <fulcrum/run/json_values.hpp>
#include <fulcrum/run/latency_report_json.hpp>
#include <fulcrum/run/persistence_json.hpp>
#include <fulcrum/run/run_config_json.hpp>

#include <fulcrum/cost/data_sheet.hpp>
#include <fulcrum/cost/error_summary_json.hpp>
#include <fulcrum/cost/profile_file.hpp>

#include <fulcrum/load/arrivals_json.hpp>
#include <fulcrum/load/load_report_json.hpp>

#include <fulcrum/plan/service_plan_json.hpp>
#include <fulcrum/plan/study_folder.hpp>

#include <fulcrum/report/advice_json.hpp>
#include <fulcrum/report/csv.hpp>
#include <fulcrum/report/explanation_html.hpp>
#include <fulcrum/report/explanation_json.hpp>
#include <fulcrum/report/html.hpp>
#include <fulcrum/report/json.hpp>
#include <fulcrum/report/load_html.hpp>
#include <fulcrum/report/pass_json.hpp>
#include <fulcrum/report/recipe_json.hpp>
#include <fulcrum/report/sensitivity_html.hpp>
#include <fulcrum/report/sensitivity_json.hpp>
#include <fulcrum/report/service_html.hpp>
#include <fulcrum/report/service_json.hpp>
#include <fulcrum/report/validation_html.hpp>
#include <fulcrum/report/validation_json.hpp>
