// Values, layers and models. Each source holds the definitions of the folders that it names (core/linkage.hpp).
#define FULCRUM_DEFINES_core 1
#define FULCRUM_DEFINES_tensor 1
#define FULCRUM_DEFINES_model 1
#define FULCRUM_DEFINES_analysis 1
#define FULCRUM_DEFINES_data 1
#include <fulcrum/fulcrum.hpp>
