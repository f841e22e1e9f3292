// The executors, and what runs on them.
#define FULCRUM_DEFINES_onednn 1
#define FULCRUM_DEFINES_exec 1
#define FULCRUM_DEFINES_calibrate 1
#include <fulcrum/fulcrum.hpp>
#include <fulcrum/onednn.hpp>
#include <fulcrum/calibrate/add_model.hpp>
#include <fulcrum/onednn/layout.hpp>  // which no declaration needs
#include <fulcrum/onednn/terms.hpp>
