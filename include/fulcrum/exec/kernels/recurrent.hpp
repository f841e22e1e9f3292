#pragma once
/// \file
/// A recurrent layer as one step: a product of oneDNN's for what the source gives to all steps of the sequence, then
/// step by step the product with the state and the gates, in loops of Fulcrum's own on all threads.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <fulcrum/exec/kernels/pointed_product.hpp>
#include <fulcrum/exec/kernels/recurrent_gates.hpp>
#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/layers/kernels/recurrent.hpp>
#include <fulcrum/onednn/adapter.hpp>
#include <fulcrum/onednn/team.hpp>

namespace fulcrum::detail::onednn {

/// What a recurrent layer is to the loops. Vectors are padded as RecurrentPanels are, (direction, block, …, 16).
struct RecurrentCellPlan {
  RecurrentPanels panels;
  RecurrentKind cell = RecurrentKind::lstm;
  RecurrentDirection direction = RecurrentDirection::forward;
  std::vector<Activation> functions;  ///< of each direction
  float clip = 0.0F;
  bool linear_before_reset = false;
  bool couple_input_forget = false;
  bool with_cell_state = false;
  std::vector<float> scales;      ///< (direction, block, gate, 16)
  std::vector<float> peepholes;   ///< (direction, block, 3, 16); or empty
  std::vector<float> state_bias;  ///< (direction, block, 16), of a GRU that is reset after its product; or empty

  std::int64_t steps = 0, samples = 0;
  std::int64_t src_step_bytes = 0;  ///< from one step of the source to the next
  std::int64_t chunk = 1;           ///< steps that one product with the source is for
  bool has_hidden = false, has_cell = false, has_lengths = false;
  bool with_hidden_state = false;

  /// A GRU that is reset before its product has two of them a step.
  [[nodiscard]] bool has_two_phases() const noexcept { return cell == RecurrentKind::gru && !linear_before_reset; }
  [[nodiscard]] std::int64_t padded() const noexcept { return panels.blocks() * recurrent_units; }
  /// Of one direction, as the product with the source gives them: (block, gate, 16).
  [[nodiscard]] std::int64_t rows() const noexcept { return panels.gates * padded(); }
  /// Floats that the loops hold in between: what the source gives, cell states (or update gates), reset states.
  [[nodiscard]] std::int64_t of_input_floats() const noexcept { return panels.directions * chunk * samples * rows(); }
  [[nodiscard]] std::int64_t scratch_floats() const noexcept {
    return of_input_floats() + panels.directions * samples * (padded() + panels.hidden) + panels.hidden;
  }
};

/// The step's function: (src, [hidden state], [cell state], [lengths], weights and bias of each direction, recurrent
/// weights, scratchpad of the product, scratch, dst).
class RecurrentFunction {
public:
  RecurrentFunction(std::shared_ptr<const RecurrentCellPlan> plan, std::vector<PointedProduct> products, int threads)
      : plan_(std::move(plan)),
        products_(std::move(products)),
        threads_(threads),
        stream_(cpu_engine()),
        sum_(recurrent_product(plan_->panels.weights)),
        gate_(recurrent_gate_function()),
        lengths_(static_cast<std::size_t>(plan_->samples), plan_->steps),
        work_(threads) {}
  RecurrentFunction(const RecurrentFunction& other) : RecurrentFunction(other.plan_, other.products_, other.threads_) {}
  RecurrentFunction& operator=(const RecurrentFunction&) = delete;

  void operator()(std::span<void* const> pointers);

private:
  /// A run's values.
  struct Run {
    const float* hidden = nullptr;  ///< (directions, n, hidden); or null: 0
    const std::byte* recurrent = nullptr;
    float* of_input = nullptr;  ///< (directions, chunk, n, rows)
    float* cell = nullptr;      ///< (directions, n, padded): of an LSTM, or a GRU's update gate
    float* reset = nullptr;     ///< (directions, n, hidden)
    const float* zeros = nullptr;
    float* dst = nullptr;  ///< (steps, directions, n, hidden)
  };
  [[nodiscard]] bool goes_backwards(std::int64_t direction) const noexcept {
    return direction == 1 || plan_->direction == RecurrentDirection::reverse;
  }
  /// Where step s of a sample, of those that it has, stands in the source.
  [[nodiscard]] std::int64_t place(std::int64_t direction, std::int64_t s, std::int64_t sample) const noexcept {
    return goes_backwards(direction) ? lengths_[static_cast<std::size_t>(sample)] - 1 - s : s;
  }
  /// The first place that a chunk's product is for: places [first, first + chunk) hold all of steps [begin, end).
  [[nodiscard]] std::int64_t first_place(std::int64_t direction, std::int64_t begin, std::int64_t end) const noexcept {
    return std::min(goes_backwards(direction) ? plan_->steps - end : begin, plan_->steps - plan_->chunk);
  }
  /// The state of a sample before its step s; after all of them, where s is its length.
  [[nodiscard]] const float* state_before(const Run& run, std::int64_t direction, std::int64_t s,
                                          std::int64_t sample) const noexcept;
  /// (1, directions, n, hidden) behind the steps of the result.
  [[nodiscard]] float* row_behind(const Run& run, std::int64_t row) const noexcept {
    return run.dst + (plan_->steps + row) * plan_->panels.directions * plan_->samples * plan_->panels.hidden;
  }
  /// One block of 16 units of a direction in one step: item direction · blocks + block.
  void step(const Run& run, std::int64_t s, std::int64_t begin, std::int64_t end, int phase, std::int64_t item) const;

  std::shared_ptr<const RecurrentCellPlan> plan_;
  std::vector<PointedProduct> products_;  // one of each direction
  int threads_ = 1;
  dnnl::stream stream_;
  RecurrentProduct sum_;
  RecurrentGateFunction gate_;
  std::vector<std::int64_t> lengths_;  // of each sample
  PhasedWork work_;
};

inline const float* RecurrentFunction::state_before(const Run& run, std::int64_t direction, std::int64_t s,
                                                    std::int64_t sample) const noexcept {
  const RecurrentCellPlan& p = *plan_;
  const std::int64_t row = direction * p.samples + sample;
  if (s > 0)
    return run.dst + (place(direction, s - 1, sample) * p.panels.directions * p.samples + row) * p.panels.hidden;
  return run.hidden == nullptr ? run.zeros : run.hidden + row * p.panels.hidden;
}

inline void RecurrentFunction::step(const Run& run, std::int64_t s, std::int64_t begin, std::int64_t end, int phase,
                                    std::int64_t item) const {
  const RecurrentCellPlan& p = *plan_;
  const std::int64_t hidden = p.panels.hidden, blocks = p.panels.blocks(), n = p.samples;
  // A GRU that is reset before its product has the two gates, then the candidate.
  const int first_gate = phase == 1 ? 2 : 0;
  const int gates = p.has_two_phases() ? 2 - phase : static_cast<int>(p.panels.gates);
  alignas(64) float sums[recurrent_samples * 4 * recurrent_units];
  RecurrentGates g;
  g.cell = p.cell;
  g.linear_before_reset = p.linear_before_reset;
  g.couple_input_forget = p.couple_input_forget;
  g.clip = p.clip;
  const std::int64_t direction = item / blocks, block = item % blocks, unit = block * recurrent_units;
  const std::byte* panel = run.recurrent + p.panels.panel_at(direction, block, first_gate);
  const std::int64_t padded_at = item * recurrent_units;
  const std::int64_t first_step = direction * p.chunk - first_place(direction, begin, end);  // in of_input
  g.functions = p.functions.data() + static_cast<std::size_t>(direction) *
                                         (p.functions.size() / static_cast<std::size_t>(p.panels.directions));
  g.scales = p.scales.data() + p.panels.gates * padded_at + first_gate * recurrent_units;
  g.peepholes = p.peepholes.empty() ? nullptr : p.peepholes.data() + 3 * padded_at;
  g.state_bias = p.state_bias.empty() ? nullptr : p.state_bias.data() + padded_at;
  g.count = static_cast<int>(std::min<std::int64_t>(recurrent_units, hidden - unit));
  for (std::int64_t sample = 0; sample < n;) {
    std::array<std::int64_t, recurrent_samples> of{};
    std::array<const float*, recurrent_samples> before{}, states{};
    int together = 0;
    for (; sample < n && together < recurrent_samples; ++sample) {
      const auto i = static_cast<std::size_t>(together);
      if (s >= lengths_[static_cast<std::size_t>(sample)]) {
        std::fill_n(run.dst + ((s * p.panels.directions + direction) * n + sample) * hidden + unit, g.count, 0.0F);
        continue;
      }
      of[i] = sample;
      before[i] = state_before(run, direction, s, sample);
      states[i] = phase == 1 ? run.reset + (direction * n + sample) * hidden : before[i];
      ++together;
    }
    if (together == 0) break;
    sum_(p.panels, panel, gates, states.data(), together, sums);
    for (int k = 0; k < together; ++k) {
      const auto i = static_cast<std::size_t>(k);
      const std::int64_t row = direction * n + of[i], at = place(direction, s, of[i]);
      float* state = run.cell + row * p.padded() + unit;
      g.of_input = run.of_input + ((first_step + at) * n + of[i]) * p.rows() +
                   (block * p.panels.gates + first_gate) * recurrent_units;
      g.sums = sums + k * gates * recurrent_units;
      g.before = before[i] + unit;
      g.cell_state = g.update = state;
      g.after = p.has_two_phases() && phase == 0
                    ? run.reset + row * hidden + unit
                    : run.dst + ((at * p.panels.directions + direction) * n + of[i]) * hidden + unit;
      gate_(g, phase);
    }
  }
}

inline void RecurrentFunction::operator()(std::span<void* const> pointers) {
  const RecurrentCellPlan& p = *plan_;
  const std::int64_t directions = p.panels.directions, hidden = p.panels.hidden, n = p.samples;
  std::size_t next = 0;
  auto* src = static_cast<std::byte*>(pointers[next++]);
  Run run;
  if (p.has_hidden) run.hidden = static_cast<const float*>(pointers[next++]);
  const float* cell = p.has_cell ? static_cast<const float*>(pointers[next++]) : nullptr;
  if (p.has_lengths) {
    const std::span given(static_cast<const float*>(pointers[next++]), static_cast<std::size_t>(n));
    kernels::read_lengths<float>(given, p.steps, lengths_);
  }
  const std::size_t weights = next;
  next += 2 * static_cast<std::size_t>(directions);
  run.recurrent = static_cast<const std::byte*>(pointers[next++]);
  void* scratchpad = pointers[next++];
  run.of_input = static_cast<float*>(pointers[next++]);
  run.dst = static_cast<float*>(pointers[next]);
  run.cell = run.of_input + p.of_input_floats();
  run.reset = run.cell + directions * n * p.padded();
  float* zeros = run.reset + directions * n * hidden;
  std::fill_n(zeros, hidden, 0.0F);
  run.zeros = zeros;
  std::fill_n(run.cell, directions * n * p.padded(), 0.0F);
  for (std::int64_t row = 0; row < directions * n && cell != nullptr; ++row)
    std::copy_n(cell + row * hidden, hidden, run.cell + row * p.padded());

  for (std::int64_t begin = 0; begin < p.steps; begin += p.chunk) {
    const std::int64_t end = std::min(begin + p.chunk, p.steps);
    for (std::int64_t d = 0; d < directions; ++d) {
      const auto at = weights + 2 * static_cast<std::size_t>(d);
      products_[static_cast<std::size_t>(d)].run(stream_, src + first_place(d, begin, end) * p.src_step_bytes,
                                                 pointers[at], pointers[at + 1], scratchpad,
                                                 run.of_input + d * p.chunk * n * p.rows());
    }
    stream_.wait();
    const std::int64_t phases = p.has_two_phases() ? 2 : 1;
    work_.begin(directions * p.panels.blocks());
    in_team(threads_, [&](std::int64_t thread) {
      for (std::int64_t phase = 0; phase < (end - begin) * phases; ++phase) {
        work_.run(thread, phase, phase / phases % 2 != 0, [&](std::int64_t item) {
          step(run, begin + phase / phases, begin, end, static_cast<int>(phase % phases), item);
        });
      }
    });
  }
  std::int64_t behind = 0;
  if (p.with_hidden_state) {
    for (std::int64_t row = 0; row < directions * n; ++row) {
      const std::int64_t direction = row / n, sample = row % n;
      std::copy_n(state_before(run, direction, lengths_[static_cast<std::size_t>(sample)], sample), hidden,
                  row_behind(run, behind) + row * hidden);
    }
    ++behind;
  }
  if (!p.with_cell_state) return;
  for (std::int64_t row = 0; row < directions * n; ++row)
    std::copy_n(run.cell + row * p.padded(), hidden, row_behind(run, behind) + row * hidden);
}

}  // namespace fulcrum::detail::onednn
