#pragma once
// What nearly every test includes, compiled once for all test executables: other people's headers, which do not change,
// and the few of ours that everything stands on, which seldom do.
#include <chrono>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include <Eigen/Core>
#include <dnnl.hpp>
#include <nlohmann/json.hpp>

#include <support/catch.hpp>

#include <fulcrum/model/builder.hpp>
