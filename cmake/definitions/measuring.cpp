// Measuring, validating and planning.
#define FULCRUM_DEFINES_measure 1
#define FULCRUM_DEFINES_validate 1
#define FULCRUM_DEFINES_plan 1
#include <fulcrum/fulcrum.hpp>
#include <fulcrum/json.hpp>
#include <fulcrum/onednn.hpp>
#include <fulcrum/plan/plan_service.hpp>      // which no umbrella has
#include <fulcrum/plan/service_variants.hpp>  // which no umbrella has
