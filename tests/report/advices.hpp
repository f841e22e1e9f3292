#pragma once
// An advice to show.

#include <fulcrum/plan/advice.hpp>

namespace fulcrum::synthetic {

inline Advice advice() {
  Advice a;
  a.model = "net";
  a.config.batch = 4;
  a.latency = Milliseconds(10.0);
  a.precisions = {{Precision::f32, Milliseconds(10.0), Milliseconds(0.0), {}},
                  {Precision::int8, Milliseconds(4.0), Milliseconds(0.5), {"fc"}}};
  a.best_precision = Precision::int8;
  a.best_layers = {{"fc", Precision::f32}};
  a.best_latency = Milliseconds(3.9);
  a.layers = {
      {"conv",
       "Conv+Relu",
       Milliseconds(6.0),
       {{"int8", "", Milliseconds(2.0), ""}, {"channels", "8 of 16 channels", Milliseconds(3.0), ""}}},
      {"fc",
       "Dense",
       Milliseconds(1.0),
       {{"int8", "", Milliseconds(-0.1), ""}, {"channels", "5 of 10 channels", {}, "it is an output of the model"}}}};
  a.notes = {"a note"};
  return a;
}

}  // namespace fulcrum::synthetic
