// Measuring, validating and planning.
#define FULCRUM_DEFINES_measure 1
#define FULCRUM_DEFINES_validate 1
#define FULCRUM_DEFINES_plan 1
#include <fulcrum/fulcrum.hpp>
#include <fulcrum/json.hpp>
#include <fulcrum/onednn.hpp>
