#pragma once
/// \file
/// Which channels of a model depend on each other: what has to go where one of them goes.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// A channel with all that stands and falls with it, by its number in ChannelDependencies. It may be several channels
/// of one value: those of a group of a grouped convolution, those of an attention head.
using ChannelUnit = std::int32_t;
/// Stands where an index of an axis cannot be removed.
inline constexpr ChannelUnit fixed_channel = -1;

/// The unit of each index along an axis; empty: the axis stays as it is.
using ChannelUnits = std::vector<ChannelUnit>;

/// What a parameter's axis has to do with the channels along it.
enum class ChannelUse : std::uint8_t {
  computes,    ///< rows of weights, or a bias, that give the channels
  takes,       ///< columns of weights that read them
  scales,      ///< scale or shift of a normalization
  statistics,  ///< mean or variance of a batch normalization
  constant,    ///< a value that is part of the model
};

/// An axis of a parameter along which channels lie.
struct ChannelAxis {
  NodeId node = 0;
  std::string parameter;  ///< as for_each_parameter() calls it
  std::size_t axis = 0;
  ChannelUse use = ChannelUse::computes;
  ChannelUnits units;
};

/// Units that occur in the same places: the channels of a layer or, where layers are tied by a sum, of all of them.
struct ChannelGroup {
  std::string layer;                  ///< the first that computes them
  std::vector<std::string> tied;      ///< the others that do, in order
  std::vector<ChannelUnit> units;     ///< two or more, in the order of the layer's channels
  std::int64_t channels_of_unit = 1;  ///< channels of the layer that are one unit
};

/// A layer whose channels cannot be removed, or only some of them.
struct FixedChannels {
  std::string layer;
  std::string reason;
};

struct ChannelDependencies {
  std::vector<std::vector<ChannelUnits>> of_value;  ///< [node][axis], for a batch of one
  std::vector<ChannelAxis> axes;
  std::vector<ChannelGroup> groups;
  std::vector<FixedChannels> fixed;
  std::size_t units = 0;  ///< as many there are; each is in one group at most
};

/// Follows channels from the layers that compute them (convolution, transposed or not, dense and recurrent layers)
/// through everything that keeps them apart, to the weights that take them: residual sums and other broadcast
/// arithmetic, joins and slices, depthwise and grouped convolutions (a group stands and falls together), batch and
/// instance norms, gates, pooling, functions, Flatten, Reshape and Transpose (a last axis that is split into heads
/// gives heads; channels split in two, as to shuffle them, give those at the same place of each part), products of two
/// values.
///
/// A unit may be removed when the rest of the model computes the same as with the unit's weights set to 0. So channels
/// are fixed where they are an output of the model, or a softmax, a mean, a layer norm or the like runs over them.
/// \throws Error as infer_shapes()
template <class T>
[[nodiscard]] ChannelDependencies channel_dependencies(const Model<T>& model);

}  // namespace fulcrum

#if FULCRUM_DEFINES(analysis)

#include <fulcrum/analysis/detail/channel_tracer.hpp>

namespace fulcrum {

template <class T>
ChannelDependencies channel_dependencies(const Model<T>& model) {
  return detail::ChannelTracer<T>(model).run();
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(analysis)
namespace fulcrum {
template ChannelDependencies channel_dependencies(const Model<float>& model);
template ChannelDependencies channel_dependencies(const Model<double>& model);
}  // namespace fulcrum
#endif

#endif
