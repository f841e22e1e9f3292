// Reports, as text, JSON and HTML.
#define FULCRUM_DEFINES_run 1
#define FULCRUM_DEFINES_report 1
#include <fulcrum/fulcrum.hpp>
#include <fulcrum/json.hpp>
#include <fulcrum/calibrate/calibration_data_json.hpp>  // which no umbrella has
#include <fulcrum/report/study_json.hpp>                // which no umbrella has
