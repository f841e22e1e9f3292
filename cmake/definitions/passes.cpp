// What makes models, and models of models.
#define FULCRUM_DEFINES_zoo 1
#define FULCRUM_DEFINES_passes 1
#include <fulcrum/fulcrum.hpp>
