#pragma once
/// \file
/// Follows channels through every layer of a model; see channel_dependencies.hpp.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/analysis/channel_dependencies.hpp>
#include <fulcrum/analysis/detail/channel_units.hpp>
#include <fulcrum/analysis/detail/grouped_channels.hpp>
#include <fulcrum/model/infer_shapes.hpp>

namespace fulcrum::detail {

/// Labels the axes of every value with sets of channels, ties sets that layers tie, and fixes those that have to stay.
///
/// For each value it also knows whether the elements of a channel are all 0 once its weights are: products of two
/// values sum over channels, and may lose only terms that are 0.
template <class T>
class ChannelTracer {
public:
  explicit ChannelTracer(const Model<T>& model)
      : model_(model), shapes_(infer_shapes(model, 1)), labels_(model.size()), zero_(model.size(), true) {}

  [[nodiscard]] ChannelDependencies run() {
    consumers_ = model_.consumers();
    for (NodeId id = 0; id < model_.size(); ++id) {
      id_ = id;
      labels_[id].resize(shapes_[id].size());
      trace(model_.node(id).layer);
    }
    for (const NodeId id : model_.outputs()) fix_all(id, "they are an output of the model");
    return grouped_channels(model_, labels_, std::move(axes_), sets_);
  }

private:
  using Units = UnitSets::Units;

  [[nodiscard]] NodeId src(std::size_t k = 0) const { return model_.node(id_).src[k]; }
  [[nodiscard]] std::size_t sources() const { return model_.node(id_).src.size(); }
  [[nodiscard]] const Shape& dst_shape() const { return shapes_[id_]; }
  [[nodiscard]] std::vector<Units>& dst() { return labels_[id_]; }
  [[nodiscard]] std::string here() const {
    return "'" + model_.node(id_).name + "' (" + kind_of(model_.node(id_).layer) + ")";
  }

  void fix(const Units& units, const std::string& what) { sets_.fix(units, here() + " " + what); }
  void fix_all(NodeId id, const std::string& why) {
    for (const Units& units : labels_[id]) sets_.fix(units, why);
  }
  /// Where a layer works along any axis as it likes.
  void fix_sources(const std::string& what = "mixes them or reads them by their place") {
    for (const NodeId id : model_.node(id_).src) fix_all(id, here() + " " + what);
  }
  void hold(const char* parameter, std::size_t axis, ChannelUse use, const Units& units) {
    if (!units.empty()) axes_.push_back({id_, parameter, axis, use, units});
  }
  /// Whether no axis but this one holds channels.
  [[nodiscard]] bool only(NodeId id, std::size_t axis) const {
    for (std::size_t i = 0; i < labels_[id].size(); ++i) {
      if (i != axis && !labels_[id][i].empty()) return false;
    }
    return true;
  }
  /// New channels, unless there is one only: it would be taken for a value that is broadcast.
  [[nodiscard]] Units make(std::int64_t count) { return count > 1 ? sets_.make(count) : Units{}; }
  /// Channels that stay.
  [[nodiscard]] Units make_fixed(std::int64_t count, const std::string& why) {
    Units units = sets_.make(count);
    sets_.fix(units, why);
    return units;
  }

  void pass() {
    dst() = labels_[src()];
    zero_[id_] = zero_[src()];
  }
  void pass_but(std::size_t axis, const std::string& what) {
    fix(labels_[src()][axis], what);
    pass();
  }

  /// The axis that a source of `rank` axes has where a result of `dst_rank` has `axis`, as broadcasting aligns them;
  /// nothing where the source has none there.
  [[nodiscard]] static std::optional<std::size_t> aligned(std::size_t axis, std::size_t rank, std::size_t dst_rank) {
    return axis + rank < dst_rank ? std::nullopt : std::optional(axis + rank - dst_rank);
  }

  /// The axes of sources that are broadcast to each other, aligned at the last `dst_shape` axis before `behind`.
  void join(std::size_t behind = 0) {
    const std::size_t rank = dst_shape().size() - behind;
    for (std::size_t axis = 0; axis < rank; ++axis) {
      Units all;
      bool fixed = false;
      for (const NodeId id : model_.node(id_).src) {
        const std::optional<std::size_t> at = aligned(axis, shapes_[id].size() - behind, rank);
        if (!at || shapes_[id][*at] == 1) continue;
        const Units& units = labels_[id][*at];
        if (units.empty())
          fixed = true;
        else if (all.empty())
          all = units;
        else
          sets_.tie(all, units);
      }
      if (fixed) fix(all, "ties them to a value that has to stay as it is");
      dst()[axis] = std::move(all);
    }
  }
  /// Whether a source holds channels along every axis along which the result does.
  [[nodiscard]] bool covers(NodeId id) const {
    const std::size_t rank = dst_shape().size();
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (labels_[id_][axis].empty()) continue;
      const std::optional<std::size_t> at = aligned(axis, shapes_[id].size(), rank);
      if (!at || labels_[id][*at].empty()) return false;
    }
    return true;
  }
  [[nodiscard]] bool zero(NodeId id) const { return zero_[id] && covers(id); }

  void reshape() {
    const Shape& from = shapes_[src()];
    if (element_count(from) == 0) return fix_sources();
    zero_[id_] = zero_[src()];
    dst() = reshaped_units(sets_, labels_[src()], from, dst_shape(), here());
  }

  /// A convolution: `out` and `in` are the axes of its weights. A group of a grouped one stands and falls together.
  void convolve(std::int64_t groups, std::size_t out, std::size_t in) {
    const Units& taken = labels_[src()][1];
    for (std::size_t axis = 0; axis < labels_[src()].size(); ++axis) {
      if (axis != 1) fix(labels_[src()][axis], "moves a window over them");
    }
    const std::int64_t oc = dst_shape()[1];
    Units computed;
    if (groups == 1) {
      computed = make(oc);
      hold("weights", out, ChannelUse::computes, computed);
      hold("weights", in, ChannelUse::takes, taken);
    } else if (!taken.empty()) {
      const std::size_t of_group = taken.size() / static_cast<std::size_t>(groups);
      for (std::size_t i = 0; i < taken.size(); ++i) sets_.tie(taken[i / of_group * of_group], taken[i]);
      const auto results = static_cast<std::size_t>(oc / groups);
      for (std::size_t o = 0; o < static_cast<std::size_t>(oc); ++o) computed.push_back(taken[o / results * of_group]);
      // Axis 0 runs through the groups, either way; the other one lies within each.
      if (out == 0) {
        hold("weights", 0, ChannelUse::computes, computed);
      } else {
        hold("weights", 0, ChannelUse::takes, taken);
      }
    }
    hold("bias", 0, ChannelUse::computes, computed);
    dst()[1] = std::move(computed);
  }

  void trace(const Layer<T>& layer) {
    visit_layer(Overloads{
                    [&](const Input&) {},
                    [&](const Constant<T>&) { trace_constant(); },
                    [&](const Conv<T>& l) { convolve(l.groups, 0, 1); },
                    [&](const ConvTranspose<T>& l) { convolve(l.groups, 1, 0); },
                    [&](const Dense<T>& l) { trace_layer(l); },
                    [&](const MatMulNBits&) { fix_sources("packs their weights in blocks"); },
                    [&](const MatMul& l) { trace_layer(l); },
                    [&](const Recurrent<T>& l) { trace_layer(l); },
                    [&](const BatchNormalization<T>&) { normalize_channels(true); },
                    [&](const LayerNormalization<T>& l) { trace_layer(l); },
                    [&](const InstanceNormalization<T>& l) { trace_layer(l); },
                    [&](const LocalResponseNormalization&) { pass_but(1, "norms each by its neighbours"); },
                    [&](const Pool&) { pool(); },
                    [&](const GlobalPool&) { pool(); },
                    [&](const MaxPoolIndices&) { fix_sources(); },
                    [&](const Activation& l) { trace_layer(l); },
                    [&](const Binary& l) { trace_layer(l); },
                    [&](const Where&) {
                      join();
                      zero_[id_] = zero(src(1)) && zero(src(2));
                    },
                    [&](const Cast&) { pass(); },
                    [&](const QuantizeLinear&) { fix_sources("rounds them"); },
                    [&](const DequantizeLinear&) { fix_sources("rounds them"); },
                    [&](const DynamicQuantize&) { fix_sources("finds one range for all of them"); },
                    [&](const Softmax& l) {
                      pass_but(normalized_axis(l.axis, dst_shape().size()), "weighs them against each other");
                      zero_[id_] = false;
                    },
                    [&](const Reduce& l) { trace_layer(l); },
                    [&](const ArgReduce&) { fix_sources(); },
                    [&](const Concat& l) { trace_layer(l); },
                    [&](const Reshape&) { reshape(); },
                    [&](const Flatten&) { reshape(); },
                    [&](const Transpose& l) {
                      const auto order = l.permutation(dst_shape().size());
                      for (std::size_t axis = 0; axis < order.size(); ++axis) dst()[axis] = labels_[src()][order[axis]];
                      zero_[id_] = zero_[src()];
                    },
                    [&](const Slice& l) { trace_layer(l); },
                    [&](const Expand&) { trace_expand(); },
                    [&](const Tile& l) {
                      pass();
                      for (std::size_t axis = 0; axis < dst().size(); ++axis) {
                        const Units once = dst()[axis];
                        if (l.repeats[axis] == 0) fix_sources();
                        for (std::int64_t i = 1; i < l.repeats[axis]; ++i)
                          dst()[axis].insert(dst()[axis].end(), once.begin(), once.end());
                      }
                    },
                    [&](const Gather& l) { trace_layer(l); },
                    [&](const IndexedLayer auto&) { fix_sources(); },
                    [&](const SamplingLayer auto&) { fix_sources(); },
                    [&](const TopK&) { fix_sources(); },
                    [&](const CumSum&) { fix_sources(); },
                    [&](const NonMaxSuppression&) { fix_sources(); },
                    [&](const Custom&) { fix_sources("has a kernel of its own"); },
                    [&](const Pad& l) { trace_layer(l); },
                    [&](const Resize& l) { trace_layer(l); },
                },
                layer);
  }

  /// A constant is set to 0 with its channels, unless something may divide by it.
  void trace_constant() {
    const bool divides = [&] {
      for (const NodeId id : consumers_[id_]) {
        const auto* binary = std::get_if<Binary>(&model_.node(id).layer);
        if (binary != nullptr ? binary->function != BinaryKind::add && binary->function != BinaryKind::sub &&
                                    binary->function != BinaryKind::mul
                              : !facts_of(model_.node(id).layer).is_product &&
                                    !std::holds_alternative<Gather>(model_.node(id).layer) &&
                                    !std::holds_alternative<Concat>(model_.node(id).layer)) {
          return true;
        }
      }
      return model_.is_output(id_);
    }();
    for (std::size_t axis = 0; axis < dst().size(); ++axis) {
      if (dst_shape()[axis] < 2) continue;
      dst()[axis] = sets_.make(dst_shape()[axis]);
      hold("value", axis, divides ? ChannelUse::statistics : ChannelUse::constant, dst()[axis]);
    }
    zero_[id_] = !divides;
  }

  void trace_layer(const Dense<T>& layer) {
    const std::size_t axis = dst_shape().size() - 1;
    pass();
    zero_[id_] = only(src(), axis) || (layer.bias.empty() && zero_[src()]);
    hold("weights", 1, ChannelUse::takes, dst()[axis]);
    dst()[axis] = make(dst_shape()[axis]);
    hold("weights", 0, ChannelUse::computes, dst()[axis]);
    hold("bias", 0, ChannelUse::computes, dst()[axis]);
  }

  void trace_layer(const MatMul& layer) {
    const auto& a = labels_[src(0)];
    const auto& b = labels_[src(1)];
    const std::size_t rows = a.size() - (layer.transpose_src ? 1 : 2);
    const std::size_t columns = b.size() - (layer.transpose_weights ? 2 : 1);
    const std::size_t of_a = a.size() - (layer.transpose_src ? 2 : 1);
    const std::size_t of_b = b.size() - (layer.transpose_weights ? 1 : 2);
    if (!a[of_a].empty() || !b[of_b].empty()) {
      if (a[of_a].empty() || b[of_b].empty()) {
        fix(a[of_a].empty() ? b[of_b] : a[of_a], "ties them to a value that has to stay as it is");
      } else {
        sets_.tie(a[of_a], b[of_b]);
        if (!zero_[src(0)] && !zero_[src(1)]) fix(a[of_a], "sums products that are not 0 without their weights");
      }
    }
    join(2);
    bool held = false;
    for (std::size_t axis = 0; axis + 2 < dst().size(); ++axis) held = held || !dst()[axis].empty();
    zero_[id_] = (a[rows].empty() || zero_[src(0)]) && (b[columns].empty() || zero_[src(1)]) &&
                 (!held || zero_[src(0)] || zero_[src(1)]);
    dst()[dst().size() - 2] = a[rows];
    dst()[dst().size() - 1] = b[columns];
  }

  void trace_layer(const Recurrent<T>& layer) {
    for (std::size_t k = 1; k < sources(); ++k) fix_all(src(k), here() + " starts from them");
    for (std::size_t axis = 0; axis < 2; ++axis) fix(labels_[src()][axis], "steps through them");
    hold("weights", 2, ChannelUse::takes, labels_[src()][2]);
    // A unit's state stays 0 when its candidate is: tanh and the like of 0. First states and peepholes are left alone.
    bool follows = sources() == 1 && layer.peepholes.empty() && layer.hidden() > 1 && !layer.with_cell_state &&
                   !layer.with_hidden_state;
    for (const Activation& f : layer.functions) follows = follows && std::isfinite(f(0.0));
    const std::size_t own = layer.cell == RecurrentKind::rnn ? 0 : 1;
    for (std::size_t k = own; k < layer.functions.size(); k += layer.functions_per_direction()) {
      follows = follows && layer.functions[k](0.0) == 0.0;
    }
    if (layer.cell == RecurrentKind::lstm) {
      for (std::size_t k = 2; k < layer.functions.size(); k += 3) follows = follows && layer.functions[k](0.0) == 0.0;
    }
    if (!follows) return;
    const Units hidden = sets_.make(layer.hidden());
    Units gates;
    for (std::int64_t g = 0; g < gates_of(layer.cell); ++g) gates.insert(gates.end(), hidden.begin(), hidden.end());
    hold("weights", 1, ChannelUse::computes, gates);
    hold("recurrent_weights", 1, ChannelUse::computes, gates);
    hold("recurrent_weights", 2, ChannelUse::takes, hidden);
    gates.insert(gates.end(), gates.begin(), gates.end());
    if (!layer.bias.empty()) hold("bias", 1, ChannelUse::computes, gates);
    dst()[3] = hidden;
  }

  /// \param statistics  it has a mean and a variance of its own
  void normalize_channels(bool statistics) {
    pass();
    hold("scale", 0, ChannelUse::scales, dst()[1]);
    hold("shift", 0, ChannelUse::scales, dst()[1]);
    if (statistics) {
      hold("mean", 0, ChannelUse::statistics, dst()[1]);
      hold("variance", 0, ChannelUse::statistics, dst()[1]);
    }
    zero_[id_] = only(id_, 1);
  }
  void trace_layer(const InstanceNormalization<T>& layer) {
    for (std::size_t axis = 2; axis < dst().size(); ++axis) fix(labels_[src()][axis], "norms over them");
    if (layer.groups > 0) fix(labels_[src()][1], "norms several of them together");
    normalize_channels(false);
  }
  void trace_layer(const LayerNormalization<T>& layer) {
    for (std::size_t axis = normalized_axis(layer.axis, dst().size()); axis < dst().size(); ++axis)
      fix(labels_[src()][axis], "norms over them");
    pass();
    zero_[id_] = layer.shift.empty() && zero_[src()];
  }

  void pool() {
    for (std::size_t axis = 2; axis < labels_[src()].size(); ++axis) {
      fix(labels_[src()][axis], "takes them together");
    }
    pass();
    for (std::size_t axis = 2; axis < dst().size(); ++axis) dst()[axis].clear();
  }

  void trace_layer(const Activation& layer) {
    const double of_zero = layer(0.0);
    if (!std::isfinite(of_zero)) return fix_sources("has no value at 0");
    pass();
    zero_[id_] = of_zero == 0.0 && zero_[src()];
  }

  void trace_layer(const Binary& layer) {
    join();
    switch (layer.function) {
      case BinaryKind::add:
      case BinaryKind::sub:
      case BinaryKind::min:
      case BinaryKind::max: zero_[id_] = zero(src(0)) && zero(src(1)); return;
      case BinaryKind::mul: zero_[id_] = zero(src(0)) || zero(src(1)); return;
      case BinaryKind::prelu: zero_[id_] = zero(src(0)); return;
      case BinaryKind::div:
        if (zero_[src(1)]) fix_all(src(1), here() + " divides by them");
        zero_[id_] = zero(src(0));
        return;
      case BinaryKind::pow:
      case BinaryKind::remainder:
      case BinaryKind::fmod: fix_sources("may have no value at 0"); return;
      case BinaryKind::bit_and:
      case BinaryKind::bit_or:
      case BinaryKind::bit_xor:
      case BinaryKind::equal:
      case BinaryKind::less:
      case BinaryKind::less_or_equal:
      case BinaryKind::greater:
      case BinaryKind::greater_or_equal:
      case BinaryKind::logical_and:
      case BinaryKind::logical_or:
      case BinaryKind::logical_xor: zero_[id_] = false; return;
    }
  }

  void trace_layer(const Reduce& layer) {
    const Shape& from = shapes_[src()];
    const std::vector<bool> named = named_axes(layer.axes, from.size(), "Reduce");
    const bool sums = layer.function == ReduceKind::sum || layer.function == ReduceKind::l1 ||
                      layer.function == ReduceKind::l2 || layer.function == ReduceKind::sum_square;
    std::size_t to = 0;
    for (std::size_t axis = 0; axis < from.size(); ++axis) {
      if (named[axis] && !(sums && zero_[src()])) fix(labels_[src()][axis], "makes one of them all");
      if (!named[axis]) dst()[to] = labels_[src()][axis];
      if (!named[axis] || layer.keep_dims) ++to;
    }
    const bool keeps_zero = layer.function != ReduceKind::log_sum && layer.function != ReduceKind::log_sum_exp;
    if (layer.function == ReduceKind::log_sum) fix_sources("has no value at 0");
    zero_[id_] = keeps_zero && zero_[src()];
  }

  void trace_layer(const Concat& layer) {
    const std::size_t joined = normalized_axis(layer.axis, dst_shape().size());
    bool any = false;
    for (std::size_t k = 0; k < sources(); ++k) {
      any = any || !labels_[src(k)][joined].empty();
      zero_[id_] = zero_[id_] && zero_[src(k)];
    }
    for (std::size_t axis = 0; axis < dst().size(); ++axis) {
      if (axis == joined && !any) continue;
      for (std::size_t k = 0; k < sources(); ++k) {
        Units units = labels_[src(k)][axis];
        const std::int64_t extent = shapes_[src(k)][axis];
        if (axis == joined) {
          if (units.empty()) units = make_fixed(extent, here() + " joins them");
          dst()[axis].insert(dst()[axis].end(), units.begin(), units.end());
        } else if (extent > 1) {
          if (units.empty()) units = make_fixed(extent, here() + " ties them to a value that has to stay as it is");
          if (dst()[axis].empty()) dst()[axis] = units;
          sets_.tie(dst()[axis], units);
        }
      }
    }
  }

  void trace_layer(const Slice& layer) {
    const auto ranges = layer.ranges(shapes_[src()]);
    zero_[id_] = zero_[src()];
    for (std::size_t axis = 0; axis < dst().size(); ++axis) {
      const Units& units = labels_[src()][axis];
      if (units.empty()) continue;
      const Slice::Range& range = ranges[axis];
      if (range.count == shapes_[src()][axis] && range.step == 1) {
        dst()[axis] = units;
        continue;
      }
      if (range.step != 1 || range.count < 2) {
        fix(units, "takes them by their place");
        continue;
      }
      dst()[axis].assign(units.begin() + range.start, units.begin() + range.start + range.count);
    }
  }

  void trace_expand() {
    const Shape& from = shapes_[src()];
    zero_[id_] = zero_[src()];
    for (std::size_t axis = 0; axis < dst().size(); ++axis) {
      const std::optional<std::size_t> at = aligned(axis, from.size(), dst().size());
      if (at && from[*at] == dst_shape()[axis])
        dst()[axis] = labels_[src()][*at];
      else if (dst()[axis] = make(dst_shape()[axis]); !dst()[axis].empty())
        zero_[id_] = false;
    }
  }

  void trace_layer(const Gather& layer) {
    const std::size_t axis = normalized_axis(layer.axis, shapes_[src(0)].size());
    fix(labels_[src(0)][axis], "takes them by their place");
    fix_all(src(1), here() + " takes them for indices");
    const std::size_t of_indices = shapes_[src(1)].size();
    for (std::size_t i = 0; i < shapes_[src(0)].size(); ++i) {
      if (i != axis) dst()[i < axis ? i : i + of_indices - 1] = labels_[src(0)][i];
    }
    zero_[id_] = zero_[src(0)];
  }

  void trace_layer(const Pad& layer) {
    pass();
    bool pads = false;
    for (std::size_t axis = 0; axis < dst().size(); ++axis) {
      if (layer.before[axis] == 0 && layer.after[axis] == 0) continue;
      pads = true;
      fix(labels_[src()][axis], "adds to them by their place");
      dst()[axis].clear();
    }
    if (pads && layer.mode == PadKind::constant && layer.value != 0.0F) zero_[id_] = false;
  }

  void trace_layer(const Resize& layer) {
    pass();
    for (std::size_t axis = 0; axis < dst().size(); ++axis) {
      const bool keeps = dst_shape()[axis] == shapes_[src()][axis] && layer.aspect == ResizeAspect::stretch &&
                         layer.coordinates != ResizeCoordinates::tf_crop_and_resize &&
                         (layer.scales.empty() || layer.scales[axis] == 1.0F);
      if (keeps) continue;
      fix(labels_[src()][axis], "reads between them");
      dst()[axis].clear();
    }
  }

  const Model<T>& model_;
  std::vector<Shape> shapes_;
  std::vector<std::vector<Units>> labels_;  // [value][axis]
  std::vector<bool> zero_;                  // of a value: where a channel's weights are 0, so are its elements
  std::vector<std::vector<NodeId>> consumers_;
  std::vector<ChannelAxis> axes_;
  UnitSets sets_;
  NodeId id_ = 0;  // the node that is looked at
};

}  // namespace fulcrum::detail
