#pragma once
/// \file
/// What puts a load on something and judges the tail of its latency (target fulcrum::load; Boost.Math).

#include <fulcrum/load/assess.hpp>
#include <fulcrum/load/generate_load.hpp>
#include <fulcrum/load/tail.hpp>
