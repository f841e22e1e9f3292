// Including the library compiles none of its large functions: with the headers alone they are templates, which only a
// call instantiates. A template cannot be specialized once something has instantiated it, so this does not compile
// where a header calls one of these from code that is no template itself: the body of a class in its definitions, an
// inline function, a default argument. The compiler's note says where the call is (clang) or which function it was of.
#include <fulcrum/fulcrum.hpp>
#include <fulcrum/json.hpp>
#include <fulcrum/load.hpp>
#include <fulcrum/onednn.hpp>
#include <fulcrum/onnx.hpp>

namespace fulcrum {

template <>
LatencyReport predict<void>(const Schedule&, const MachineProfile&);
template <>
LatencyReport predict<void>(const Model<float>&, const RunConfig&, const MachineProfile&);
template <>
Schedule make_schedule<void>(const Model<float>&, const RunConfig&, const Machine&, bool);
template <>
std::shared_ptr<const OnednnModel> OnednnModel::compile<void>(const Model<float>&, const RunConfig&, std::vector<State>,
                                                              std::shared_ptr<detail::onednn::ConstantStore>);
template <>
std::shared_ptr<const OnednnModel> OnednnModel::keeping_nan<void>() const;
template <>
void OnednnExecutor::execute<void>(std::span<const float* const>, std::span<float* const>);
template <>
void OnednnExecutor::execute_timed<void>(std::span<const float* const>, std::span<float* const>,
                                         std::span<std::chrono::nanoseconds>);
template <>
std::vector<Tensor<float>> OnednnExecutor::run<void>(std::span<const Tensor<float>>);
template <>
Explanation explain<void>(const Model<float>&, const RunConfig&, std::vector<State>);
template <>
LatencyReport measure<void>(const Model<float>&, const RunConfig&, const MeasureOptions&, const ProgressSink&);
template <>
MachineProfile calibrate<void>(const CalibrateOptions&, const ProgressSink&);
template <>
Model<float> import_onnx<void>(const std::string&, const OnnxImportOptions&);
template <>
Model<float> parse_onnx<void>(std::string_view, const OnnxImportOptions&);
template <>
std::string serialize_onnx<void>(const Model<float>&);
template <>
Model<float> simplify_arithmetic<void>(const Model<float>&);
template <>
LowRankResult low_rank<void>(const Model<float>&, const LowRankOptions&, const ModelCost<float>&);

}  // namespace fulcrum
