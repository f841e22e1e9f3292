// How models run, and what that costs.
#define FULCRUM_DEFINES_schedule 1
#define FULCRUM_DEFINES_cost 1
#include <fulcrum/fulcrum.hpp>
#include <fulcrum/json.hpp>
