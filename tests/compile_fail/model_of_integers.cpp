// expect: a model's scalar is float or double
#include <fulcrum/model/model.hpp>

// Precision is a matter of how a model runs, not of its type.
fulcrum::Model<float> floats;
fulcrum::Model<double> doubles;
#ifdef MUST_FAIL
fulcrum::Model<int> integers;
#endif
