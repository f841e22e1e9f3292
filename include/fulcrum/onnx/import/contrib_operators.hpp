#pragma once
/// \file
/// The table of the domain com.microsoft: what ONNX Runtime's optimizer and quantizer write.

#include <fulcrum/onnx/import/contrib.hpp>
#include <fulcrum/onnx/import/contrib_attention.hpp>
#include <fulcrum/onnx/import/contrib_integer.hpp>
#include <fulcrum/onnx/import/packed_weights.hpp>
#include <fulcrum/onnx/import/rotary_embedding.hpp>

namespace fulcrum::detail::onnx_io {

inline constexpr Operator contrib_operators[] = {
    {"QuantizeLinear", 1, import_quantize, fold_quantize, "axis"},
    {"DequantizeLinear", 1, import_dequantize, fold_dequantize, "axis"},
    {"QLinearAdd", 1, import_qlinear_binary<BinaryKind::add>},
    {"QLinearMul", 1, import_qlinear_binary<BinaryKind::mul>},
    {"QLinearConcat", 1, import_qlinear_concat},
    {"QLinearAveragePool", 1, import_qlinear_average_pool, nullptr, "pads"},
    {"QLinearGlobalAveragePool", 1, import_qlinear_global_average_pool},
    {"QLinearSigmoid", 1, import_qlinear_sigmoid},
    {"QLinearLeakyRelu", 1, import_qlinear_leaky_relu},
    {"QLinearReduceMean", 1, import_qlinear_reduce_mean},
    {"QLinearSoftmax", 1, import_qlinear_softmax},
    {"QLinearWhere", 1, import_qlinear_where},
    {"QGemm", 1, import_qgemm},
    {"MatMulIntegerToFloat", 1, import_matmul_integer_to_float},
    {"DynamicQuantizeMatMul", 1, import_dynamic_quantize_matmul},
    {"MatMulNBits", 1, import_matmul_nbits, nullptr, "accuracy_level"},
    {"FusedConv", 1, import_fused_conv, nullptr, "pads activation_params"},
    {"FusedGemm", 1, import_fused_gemm, nullptr, "activation_gamma leaky_relu_alpha"},
    {"FusedMatMul", 1, import_fused_matmul},
    {"TransposeMatMul", 1, import_fused_matmul},
    {"Gelu", 1, import_bias_gelu<ActivationKind::gelu>},
    {"BiasGelu", 1, import_bias_gelu<ActivationKind::gelu>},
    {"FastGelu", 1, import_bias_gelu<ActivationKind::gelu_tanh>},
    {"QuickGelu", 1, import_quick_gelu},
    {"SkipLayerNormalization", 1, import_skip_layer_normalization},
    {"SkipSimplifiedLayerNormalization", 1, import_skip_rms_normalization},
    {"EmbedLayerNormalization", 1, import_embed_layer_normalization},
    {"Attention", 1, import_contrib_attention, nullptr, "mask_filter_value"},
    {"MultiHeadAttention", 1, import_multi_head_attention, nullptr, "mask_filter_value"},
    {"RotaryEmbedding", 1, import_contrib_rotary_embedding},
};

}  // namespace fulcrum::detail::onnx_io
