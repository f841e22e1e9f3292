#pragma once
/// \file
/// The language model BERT base (uncased).

#include <cstdint>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/model/model.hpp>

namespace fulcrum {

/// input_ids, attention_mask and token_type_ids (N, sequence), whole numbers → the encoder's states
/// (N, sequence, 768), and the pooled state of the first token (N, 768): sums of word, position and type embeddings
/// through twelve encoder layers of 768 features and twelve heads (Devlin et al., "BERT: Pre-training of Deep
/// Bidirectional Transformers for Language Understanding", 2019; inputs and outputs as of Hugging Face's BertModel).
///
/// Words are in [0, 30522), types 0 or 1; the mask is 1 for tokens and 0 for padding, whose scores become the lowest
/// float.
/// 109,482,240 learned parameters (418 MiB in f32); 11.2 G multiply-adds for a sequence of 128 tokens.
/// \param sequence  tokens, 1 … 512
/// \throws Error for a sequence that is longer, or empty
template <class T>
[[nodiscard]] Model<T> bert_base(std::uint64_t seed = 0, std::int64_t sequence = 128);

}  // namespace fulcrum

#if FULCRUM_DEFINES(zoo)

#include <limits>
#include <string>

#include <fulcrum/zoo/detail/transformer.hpp>

namespace fulcrum {

template <class T>
Model<T> bert_base(std::uint64_t seed, std::int64_t sequence) {
  constexpr std::int64_t width = 768;
  constexpr double epsilon = 1e-12;
  if (sequence < 1 || sequence > 512) {
    throw Error("bert_base", "has a sequence of " + std::to_string(sequence) + " tokens", "give 1 to 512");
  }
  ModelBuilder<T> b("bert_base", seed, WeightInit::he_uniform);
  const NodeId words = b.input({sequence}, "input_ids", ElementType::s64).last();
  const NodeId tokens = b.input({sequence}, "attention_mask", ElementType::s64).last();
  const NodeId types = b.input({sequence}, "token_type_ids", ElementType::s64).last();

  // (1 − mask) · lowest, as (n, 1, 1, sequence)
  const NodeId mask = b.from(tokens).reshape({0, 1, 1, sequence}).layer(Cast{}, {b.last()}).last();
  const NodeId one = b.constant(Tensor<T>({}, {T{1}})).last();
  const NodeId lowest = b.constant(Tensor<T>({}, {static_cast<T>(std::numeric_limits<float>::lowest())})).last();
  const NodeId bias = b.from(one).sub(mask).mul(lowest).last();

  const NodeId of_types = b.from(types).embedding(2, width).last();
  const NodeId of_positions = b.parameter({512, width}).named("positions").slice(0, 0, sequence).last();
  b.from(words).embedding(30522, width).add(of_types).add(of_positions).layer_normalization(epsilon);
  for (int layer = 0; layer < 12; ++layer) {
    const NodeId x = b.last();
    const NodeId y = detail::self_attention(b, 12, bias).add(x).layer_normalization(epsilon).last();
    detail::feed_forward(b, 4 * width).add(y).layer_normalization(epsilon);
  }
  const NodeId states = b.named("last_hidden_state").last();
  const NodeId pooled = b.slice(1, 0, 1).flatten().dense(width).tanh().named("pooler_output").last();
  Model<T> model = b.build();
  model.set_outputs({states, pooled});
  return model;
}

}  // namespace fulcrum

#if FULCRUM_INSTANTIATES(zoo)
namespace fulcrum {
template Model<float> bert_base(std::uint64_t seed, std::int64_t sequence);
template Model<double> bert_base(std::uint64_t seed, std::int64_t sequence);
}  // namespace fulcrum
#endif

#endif
