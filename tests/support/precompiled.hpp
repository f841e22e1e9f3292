#pragma once
// What nearly every test includes, compiled once per test executable.
#include <support/catch.hpp>

#include <fulcrum/model/builder.hpp>
