#pragma once
/// \file
/// Recurrent layers: oneDNN's product for all steps, and loops that run the steps.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/exec/kernels/recurrent.hpp>
#include <fulcrum/exec/lower/product.hpp>

namespace fulcrum::detail::onednn {

/// Rows (directions, gates · hidden, columns) of one direction in the order of the panels: (block, gate, unit), with
/// zeros for the units that make up the last block.
template <class T>
[[nodiscard]] std::vector<T> in_blocks(const RecurrentPanels& panels, std::int64_t direction,
                                       std::span<const T> elements, std::int64_t columns) {
  const std::int64_t blocks = panels.blocks();
  std::vector<T> result(static_cast<std::size_t>(blocks * panels.gates * recurrent_units * columns), T{});
  for (std::int64_t gate = 0; gate < panels.gates; ++gate) {
    for (std::int64_t unit = 0; unit < panels.hidden; ++unit) {
      const std::int64_t from = (direction * panels.gates + gate) * panels.hidden + unit;
      const std::int64_t to = (unit / recurrent_units * panels.gates + gate) * recurrent_units + unit % recurrent_units;
      std::copy_n(elements.begin() + from * columns, columns, result.begin() + to * columns);
    }
  }
  return result;
}

/// The same of all directions, one after the other.
FULCRUM_DECLARE [[nodiscard]] std::vector<float> in_blocks(const RecurrentPanels& panels,
                                                           std::span<const float> elements) {
  std::vector<float> result;
  for (std::int64_t d = 0; d < panels.directions; ++d) {
    const std::vector<float> one = in_blocks(panels, d, elements, 1);
    result.insert(result.end(), one.begin(), one.end());
  }
  return result;
}

FULCRUM_DECLARE [[nodiscard]] RecurrentCellPlan recurrent_plan(const Lowering& lowering, const FusionGroup& group,
                                                               const Recurrent<float>& layer) {
  const std::vector<NodeId>& src = lowering.node(group.primary).src;
  const Shape& x = lowering.shape(src[0]);
  RecurrentCellPlan plan;
  plan.panels = {lowering.recurrent_weights_of(group.primary), layer.directions(), gates_of(layer.cell),
                 layer.hidden()};
  plan.cell = layer.cell;
  plan.direction = layer.direction;
  plan.functions = layer.functions;
  plan.clip = layer.clip;
  plan.linear_before_reset = layer.linear_before_reset;
  plan.couple_input_forget = layer.couple_input_forget;
  plan.with_cell_state = layer.with_cell_state;
  plan.with_hidden_state = layer.with_hidden_state;
  plan.has_lengths = layer.with_lengths;
  plan.steps = x[0];
  plan.samples = x[1];
  // A sample's last step is where its length says, so that no part of the source is for all samples' steps.
  plan.chunk = layer.with_lengths ? plan.steps : recurrent_chunk(plan.steps, plan.samples, plan.rows());
  plan.has_hidden = layer.states(src.size()) > 0;
  plan.has_cell = layer.states(src.size()) > 1;
  plan.scales =
      in_blocks(plan.panels, plan.panels.weights == RecurrentWeights::s8
                                 ? *fulcrum::detail::scales_of_rows(layer.recurrent_weights)
                                 : recurrent_scales(plan.panels, lowering.elements(layer.recurrent_weights)->flat()));
  RecurrentPanels three = plan.panels;
  three.gates = 3;
  if (!layer.peepholes.empty()) plan.peepholes = in_blocks(three, lowering.elements(layer.peepholes)->flat());
  if (layer.linear_before_reset) {
    RecurrentPanels one = plan.panels;
    one.gates = 1;
    std::vector<float> bias(static_cast<std::size_t>(layer.directions() * layer.hidden()), 0.0F);
    if (!layer.bias.empty()) {
      const SharedTensor<float> all = lowering.elements(layer.bias);
      for (std::int64_t d = 0; d < layer.directions(); ++d)
        std::copy_n(all->flat().begin() + (6 * d + 5) * layer.hidden(), layer.hidden(),
                    bias.begin() + d * layer.hidden());
    }
    plan.state_bias = in_blocks(one, bias);
  }
  return plan;
}

/// What is added to the product with the source: both biases, but for the state's of a candidate that is reset after
/// its product. (directions, gates · hidden)
FULCRUM_DECLARE [[nodiscard]] std::vector<float> recurrent_bias(const Lowering& lowering,
                                                                const Recurrent<float>& layer) {
  const std::int64_t rows = gates_of(layer.cell) * layer.hidden();
  std::vector<float> bias(static_cast<std::size_t>(layer.directions() * rows), 0.0F);
  if (layer.bias.empty()) return bias;
  const SharedTensor<float> given = lowering.elements(layer.bias);
  for (std::int64_t d = 0; d < layer.directions(); ++d) {
    for (std::int64_t row = 0; row < rows; ++row) {
      const bool apart = layer.linear_before_reset && row >= 2 * layer.hidden();
      const float* both = given->flat().data() + 2 * d * rows;
      bias[static_cast<std::size_t>(d * rows + row)] = both[row] + (apart ? 0.0F : both[rows + row]);
    }
  }
  return bias;
}

/// Integers of a source and of the weights that meet it.
struct RecurrentInt8 {
  std::vector<std::int8_t> weights;  ///< (directions, gates · hidden, input)
  std::vector<float> scales;         ///< (directions, gates · hidden)
};

FULCRUM_DECLARE [[nodiscard]] RecurrentInt8 recurrent_int8(const Parameter<float>& weights) {
  return {int8_weights(weights), *fulcrum::detail::scales_of_rows(weights)};
}

/// Emits the layer with its source as integers, or in floating point.
/// \return whether oneDNN has a kernel for the product
FULCRUM_DECLARE bool emit_recurrent(Lowering& lowering, const FusionGroup& group, const Recurrent<float>& layer,
                                    const RecurrentCellPlan& wanted, DType dtype) {
  ProgramBuilder& builder = lowering.builder();
  const std::vector<NodeId>& src = lowering.node(group.primary).src;
  const bool int8 = dtype == DType::u8 || dtype == DType::s8;
  const Shape& x = lowering.shape(src[0]);
  const std::int64_t input = x[2], rows = wanted.rows();
  const std::int64_t together = wanted.chunk * wanted.samples;  // rows of the source in one product
  const std::optional<AffineMap> map = int8 ? lowering.value(src[0]).map : std::nullopt;

  std::optional<RecurrentInt8> integers;
  if (int8) integers = recurrent_int8(layer.weights);
  std::vector<float> bias = recurrent_bias(lowering, layer);
  const Desc bias_desc = plain_desc({rows}, DType::f32);
  const Desc src_desc = plain_desc({together, input}, dtype);
  // Scales belong to a primitive's descriptor in the 2.x line, so each direction has one.
  std::vector<PointedProduct> products;
  std::vector<Argument> constants;
  std::string implementation;
  Desc scratchpad;
  for (std::int64_t d = 0; d < layer.directions(); ++d) {
    const auto rows_of = [&](std::span<const float> all) { return in_blocks(wanted.panels, d, all, 1); };
    std::vector<float> own_bias = rows_of(bias);
    std::optional<Int8Product> scaling;
    std::vector<std::int8_t> own_integers;
    if (int8) {
      own_integers = in_blocks(wanted.panels, d, std::span<const std::int8_t>(integers->weights), input);
      scaling = Int8Product{map->scale, rows_of(integers->scales), false};
      for (float& scale : scaling->weights_scales) scale = scale == 0.0F ? 1.0F : scale;
      for (std::size_t row = 0; row < own_bias.size() && map->zero_point != 0; ++row) {
        std::int64_t sum = 0;
        for (std::int64_t k = 0; k < input; ++k)
          sum += own_integers[row * static_cast<std::size_t>(input) + static_cast<std::size_t>(k)];
        own_bias[row] -=
            map->scale * scaling->weights_scales[row] * static_cast<float>(map->zero_point) * static_cast<float>(sum);
      }
      own_bias = product_bias(std::move(own_bias), *scaling);
    }
    const Configured configured = configure_product({}, scaling);
    const DType weights_dtype = int8 ? DType::s8 : dtype;
    const auto emit = [&](const auto& pd, const Shape& weights_dims) {
      if (is_reference(pd.impl_info_str())) return false;
      implementation = pd.impl_info_str();
      scratchpad = pd.scratchpad_desc();
      products.emplace_back(
          dnnl::primitive(pd.get()),
          PointedProduct::Descs{pd.src_desc(), pd.weights_desc(), bias_desc, pd.dst_desc(), scratchpad},
          configured.arguments);
      const auto pack = [&](const auto& elements) {
        return builder.pack(weights_dims, std::span(std::as_const(elements)), pd.weights_desc());
      };
      const Location packed =
          int8 ? pack(own_integers)
               : pack(in_blocks(wanted.panels, d, std::span<const float>(lowering.elements(layer.weights)->flat()),
                                input));
      constants.push_back({DNNL_ARG_WEIGHTS, pd.weights_desc(), packed});
      constants.push_back(
          {DNNL_ARG_BIAS, bias_desc, builder.pack({rows}, std::span<const float>(own_bias), bias_desc)});
      return true;
    };
    const auto inner_product = [&](const Attributes& attributes, DType weights, const Desc& b, DType dst) {
      return inner_product_forward(dnnl::prop_kind::forward_inference, src_desc, any_desc({rows, input}, weights), b,
                                   plain_desc({together, rows}, dst), attributes);
    };
    const auto convolution = [&](const Attributes& attributes, DType weights, const Desc& b, DType dst) {
      return conv_forward(dnnl::prop_kind::forward_inference, pixels_desc(together, input, dtype),
                          any_desc({rows, input, 1, 1}, weights), b, pixels_desc(together, rows, dst),
                          {{1, 1}, {1, 1}, {0, 0}, {0, 0}, {0, 0}}, attributes);
    };
    try {
      const bool is_split = together > 1 || builder.threads() == 1 || int8;
      const bool as_pixels = dtype != DType::bf16 && is_split &&
                             runs_better_as_convolution(inner_product, convolution, weights_dtype, DType::f32);
      const bool done =
          as_pixels
              ? emit(convolution(configured.attributes, weights_dtype, bias_desc, DType::f32), {rows, input, 1, 1})
              : emit(inner_product(configured.attributes, weights_dtype, bias_desc, DType::f32), {rows, input});
      if (!done) return false;
    } catch (const dnnl::error& error) {
      if (!is_refusal(error)) throw;
      return false;
    }
  }

  auto plan = std::make_shared<RecurrentCellPlan>(wanted);
  plan->src_step_bytes = x[1] * input * static_cast<std::int64_t>(size_of(dtype));
  std::vector<Argument> arguments;
  const std::string& name = lowering.node(src[0]).name;
  const Value& given = lowering.value(src[0]);
  const Value from = builder.convert(given, plain_desc(shape_of(given.desc), dtype), map, name);
  arguments.push_back({DNNL_ARG_SRC, from.desc, from.where});
  for (std::size_t i = 1; i < src.size(); ++i) {
    const Value state = builder.plain_f32(lowering.value(src[i]), lowering.node(src[i]).name);
    arguments.push_back({DNNL_ARG_SRC_1, state.desc, state.where});
  }
  arguments.insert(arguments.end(), constants.begin(), constants.end());
  const Desc panels_desc = plain_desc({plan->panels.bytes()}, DType::u8);
  const auto pack_recurrent = [&]<class T>(std::span<const T> weights, const auto& write) {
    const Desc lies = plain_desc(layer.recurrent_weights.value->dims(), dtype_of<T>);
    arguments.push_back({DNNL_ARG_WEIGHTS_1, panels_desc, builder.pack_bytes(lies, weights, panels_desc, write)});
  };
  if (plan->panels.weights == RecurrentWeights::s8) {
    const std::vector<std::int8_t> weights = int8_weights(layer.recurrent_weights);
    pack_recurrent(std::span(weights),
                   [&](std::byte* to) { pack_recurrent_weights(plan->panels, std::span(weights), to); });
  } else {
    const SharedTensor<float> weights = lowering.elements(layer.recurrent_weights);
    const std::span<const float> elements = weights->flat();
    pack_recurrent(elements, [&](std::byte* to) {
      pack_recurrent_weights(plan->panels, elements, recurrent_scales(plan->panels, elements), to);
    });
  }
  const auto allocate = [&](std::int64_t bytes) {
    const Desc desc = plain_desc({std::max<std::int64_t>(bytes, 1)}, DType::u8);
    const Value buffer = builder.allocate(shape_of(desc), desc);
    arguments.push_back({DNNL_ARG_SCRATCHPAD, desc, buffer.where});
  };
  allocate(static_cast<std::int64_t>(scratchpad.get_size()));
  allocate(plan->scratch_floats() * static_cast<std::int64_t>(sizeof(float)));
  const Shape& shape = lowering.shape(group.dst);
  const Value dst = builder.allocate(shape, plain_desc(shape, DType::f32));
  arguments.push_back({DNNL_ARG_DST, dst.desc, dst.where});
  builder.emit_native(lowering.label(group), Algorithm::recurrent,
                      RecurrentFunction(std::move(plan), std::move(products), builder.threads()), std::move(arguments),
                      0, builder.threads(), lowering.step_of(group).step.bytes(), "recurrent:" + implementation);
  lowering.finish(group.dst, dst);
  return true;
}

FULCRUM_DECLARE void lower(Lowering& lowering, const FusionGroup& group, const Recurrent<float>& layer) {
  const RecurrentCellPlan plan = recurrent_plan(lowering, group, layer);
  const StepTypes types = lowering.types_of(group);
  if (emit_recurrent(lowering, group, layer, plan, types.src)) return;
  if (types.src != DType::f32) {
    lowering.builder().amend_aloud(lowering.node(group.primary).name, "takes its source in f32",
                                   "oneDNN has no " + std::string(name_of(types.arithmetic)) + " kernel for it");
    if (emit_recurrent(lowering, group, layer, plan, DType::f32)) return;
  }
  lower_natively(lowering, group);
}

}  // namespace fulcrum::detail::onednn
