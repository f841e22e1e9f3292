// Compiled without exceptions.
// expect: Fulcrum reports errors by exceptions: compile without -fno-exceptions
// options: -fno-exceptions
#include <fulcrum/fulcrum.hpp>

int main() { return 0; }
