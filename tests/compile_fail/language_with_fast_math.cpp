// Compiled with arithmetic that knows no NaN.
// expect: Fulcrum checks for NaN and infinity: compile without -ffast-math
// options: -ffast-math
#include <fulcrum/fulcrum.hpp>

int main() { return 0; }
