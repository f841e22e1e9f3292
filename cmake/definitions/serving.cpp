// The server: the protocol, the repository, HTTP.
#define FULCRUM_DEFINES_serve 1
#include <fulcrum/serve.hpp>
