// Compiled as C++17.
// expect: Fulcrum needs C.*20: compile with -std=c.*20
// options: -std=c++17
#include <fulcrum/fulcrum.hpp>

int main() { return 0; }
