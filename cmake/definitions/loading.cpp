// Load: arrivals, queues, their simulation, and what is made of it.
#define FULCRUM_DEFINES_load 1
#include <fulcrum/fulcrum.hpp>
#include <fulcrum/json.hpp>
#include <fulcrum/load.hpp>
#include <fulcrum/onednn.hpp>
