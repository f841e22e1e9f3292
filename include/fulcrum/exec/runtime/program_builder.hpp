#pragma once
/// \file
/// Collects the steps of a program: values and their layouts, conversions between them, constants, lifetimes.

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fulcrum/exec/kernels/bf16_rounding.hpp>
#include <fulcrum/exec/kernels/dynamic_quantize.hpp>
#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/model/infer_shapes.hpp>
#include <fulcrum/onednn/layout.hpp>
#include <fulcrum/onednn/thread_scope.hpp>
#include <fulcrum/schedule/memory_plan.hpp>
#include <fulcrum/tensor/quantization.hpp>

namespace fulcrum::detail::onednn {

/// A node's value where and as it lies in memory.
struct Value {
  Shape shape;  ///< as the model sees it
  Desc desc;    ///< as it lies; its dims may group the same elements, in the same order, otherwise than `shape`
  Location where;
  std::optional<AffineMap> map;  ///< set: the elements are integers
  /// Set: the elements are integers whose map is found at run time, and lies here (AffineMap). They are taken as they
  /// are or as reals.
  std::optional<Location> run_time_map{};
};

class ProgramBuilder {
public:
  /// Everything the steps of one layer are named after.
  struct Label {
    std::string name;
    std::string kind;
    double flops = 0.0;                  ///< [FLOP]
    std::vector<std::string> layers{};   ///< as StepInfo has them
    std::optional<FusionGroup> group{};  ///< as Step has it
  };

  /// \param store  of constants that other programs may hold already
  explicit ProgramBuilder(std::shared_ptr<ConstantStore> store) : stream_(cpu_engine()), store_(std::move(store)) {}

  /// How many threads run the steps that come next; the caller has OpenMP set to them while they are described.
  void set_threads(int threads) noexcept { threads_ = threads; }
  [[nodiscard]] int threads() const noexcept { return threads_; }

  /// A new buffer in the arena for a value of this layout.
  [[nodiscard]] Value allocate(const Shape& shape, const Desc& desc, std::optional<AffineMap> map = std::nullopt) {
    buffers_.push_back({desc.get_size(), SIZE_MAX, 0});
    return {shape, desc, {Location::Place::arena, buffers_.size() - 1}, map};
  }

  /// Where the map of a value goes that is found at run time.
  [[nodiscard]] Location allocate_run_time_map() { return allocate({sizeof(AffineMap)}, run_time_map_desc()).where; }
  [[nodiscard]] static Desc run_time_map_desc() { return plain_desc({sizeof(AffineMap)}, DType::u8); }

  /// Row-major constant.
  template <class T>
  [[nodiscard]] Value constant(const Shape& shape, std::span<const T> elements) {
    const Desc desc = plain_desc(shape, dtype_of<T>);
    return {shape, desc, add_constant(stored(elements.data(), elements.size_bytes(), desc)), std::nullopt};
  }

  /// The same of a model's tensor; a large one (a table of embeddings) is not in memory a second time.
  [[nodiscard]] Value constant(const Shape& shape, const SharedTensor<float>& elements) {
    constexpr std::size_t large = std::size_t{1} << 20U;  // [B]
    const std::span<const float> flat = std::as_const(*elements).flat();
    if (flat.size_bytes() < large) return constant(shape, flat);
    const Desc desc = plain_desc(shape, DType::f32);
    const ConstantKey key = constant_key(flat.data(), flat.size_bytes(), desc, desc);
    const auto share = [&] { return std::make_shared<const ConstantMemory>(desc, elements); };
    return {shape, desc, add_constant(store_->find_or_make(key, share)), std::nullopt};
  }

  /// The value in a layout and type where it already is so: itself, or the result of an earlier conversion.
  /// Precondition: `wanted` has the dims of value.desc.
  [[nodiscard]] std::optional<Value> find(const Value& value, const Desc& wanted,
                                          const std::optional<AffineMap>& map) const {
    const auto fits = [&](const Value& v) {
      return dims_of(v.desc) == dims_of(wanted) && data_type_of(v.desc) == data_type_of(wanted) && v.map == map &&
             same_layout(v.desc, wanted);
    };
    if (fits(value)) return Value{value.shape, wanted, value.where, map, value.run_time_map};
    for (const Conversion& done : conversions_) {
      if (done.from == value.where && fits(done.to))
        return Value{value.shape, wanted, done.to.where, map, done.to.run_time_map};
    }
    return std::nullopt;
  }

  /// The value in the layout and type that a primitive asks for: as find(), else the result of a new Reorder step (of a
  /// constant: done here and now). Precondition: `wanted` has the dims of value.desc.
  [[nodiscard]] Value convert(const Value& value, const Desc& wanted, const std::optional<AffineMap>& map,
                              const std::string& name) {
    if (std::optional<Value> found = find(value, wanted, map)) return *found;
    if (value.where.place == Location::Place::constant) {
      return {value.shape, wanted, convert_constant(value, wanted, map), map};
    }
    Value result = allocate(value.shape, wanted, map);
    if (dtype_of_desc(wanted) == dtype_of_desc(value.desc)) result.run_time_map = value.run_time_map;
    reorder(value, result, name);
    conversions_.push_back({value.where, result});
    return result;
  }

  /// A Reorder step that writes `value` to `to`; none where there is nothing to write.
  void reorder(const Value& value, const Value& to, const std::string& name) {
    if (to.desc.get_size() == 0) return;
    if (value.run_time_map && !to.run_time_map) return dequantize(value, to, name);
    if (rounds_to_bf16(value.desc, to.desc)) return reorder_to_bf16(value, to, name);
    const Configured configured = configure_reorder(value.map, to.map);
    const auto pd = reorder_forward(value.desc, to.desc, configured.attributes);
    emit({name, "Reorder"}, pd, dnnl::reorder(pd),
         {{DNNL_ARG_SRC, value.desc, value.where}, {DNNL_ARG_DST, to.desc, to.where}}, configured);
  }

  /// The value under other dims with the same elements in the same order; through a row-major copy where it must be.
  [[nodiscard]] Value with_dims(const Value& value, const Shape& dims, const std::string& name) {
    const Shape wanted = onednn_dims(dims);
    if (shape_of(value.desc) == wanted) return value;
    const DType dtype = dtype_of_desc(value.desc);
    const Value plain = convert(value, plain_desc(shape_of(value.desc), dtype), value.map, name);
    return {value.shape, plain_desc(wanted, dtype), plain.where, value.map, value.run_time_map};
  }

  /// The value in another type, in the layout it has where that layout exists for the type.
  [[nodiscard]] Value with_type(const Value& value, DType dtype, const std::optional<AffineMap>& map,
                                const std::string& name) {
    if (dtype_of_desc(value.desc) == dtype && value.map == map) return value;
    const Shape dims = shape_of(value.desc);
    std::optional<Desc> wanted = with_dtype(value.desc, dtype);
    if (!wanted) wanted = has_channels_last(dims.size()) ? channels_last_desc(dims, dtype) : plain_desc(dims, dtype);
    return convert(value, *wanted, map, name);
  }

  /// The value as row-major real numbers in f32, whatever dims its elements are grouped under.
  [[nodiscard]] Value plain_f32(const Value& value, const std::string& name) {
    return convert(value, plain_desc(shape_of(value.desc), DType::f32), std::nullopt, name);
  }

  /// Weights that lie as `given` says in the layout and type that a primitive asks for, packed here and now.
  template <class T>
  [[nodiscard]] Location pack_strided(const Desc& given, std::span<const T> elements, const Desc& wanted) {
    return add_constant(store_->find_or_make(constant_key(elements.data(), elements.size_bytes(), given, wanted), [&] {
      // oneDNN only reads through the pointer.
      return reordered({given, cpu_engine(), const_cast<T*>(elements.data())}, wanted, {});
    }));
  }
  /// Weights made from others, which lie as `given` says, in the layout that a primitive asks for. `make()` gives them
  /// row-major; it is called where no program holds them.
  template <class T, class Make>
  [[nodiscard]] Location pack_made(const Desc& given, std::span<const T> elements, const Desc& wanted,
                                   const Make& make) {
    return add_constant(store_->find_or_make(constant_key(elements.data(), elements.size_bytes(), given, wanted), [&] {
      std::vector<T> made = make();
      return reordered({plain_desc(shape_of(wanted), dtype_of<T>), cpu_engine(), made.data()}, wanted, {});
    }));
  }
  /// The same in an order of Fulcrum's own: `write(bytes)` writes what takes the place of `wanted`.
  template <class T, class Write>
  [[nodiscard]] Location pack_bytes(const Desc& given, std::span<const T> elements, const Desc& wanted,
                                    const Write& write) {
    return add_constant(store_->find_or_make(constant_key(elements.data(), elements.size_bytes(), given, wanted), [&] {
      auto constant = std::make_shared<const ConstantMemory>(wanted);
      write(constant->bytes.data());
      return constant;
    }));
  }
  /// The same for row-major weights.
  template <class T>
  [[nodiscard]] Location pack(const Shape& shape, std::span<const T> elements, const Desc& wanted) {
    return pack_strided(plain_desc(shape, dtype_of<T>), elements, wanted);
  }

  /// A step. Sources, constants and destinations are read and written where `arguments` say.
  template <class PrimitiveDesc>
  void emit(const Label& label, const PrimitiveDesc& pd, dnnl::primitive primitive, std::vector<Argument> arguments,
            const Configured& configured = {}) {
    if (is_reference(pd.impl_info_str()))
      note("layer '" + label.name + "': " + label.kind +
           " runs in a reference implementation of oneDNN, which is slow");
    Step step{info_of(label, pd.impl_info_str(), threads_),
              std::move(primitive),
              std::move(arguments),
              pd.scratchpad_desc(),
              {},
              0,
              label.group};
    account(step);
    for (const RuntimeArgument& extra : configured.arguments) {
      SharedConstant constant = constant_of(extra);
      const Desc desc = constant->memory.get_desc();
      step.arguments.push_back({extra.id, desc, add_constant(std::move(constant))});
    }
    if (step.scratchpad.get_size() > 0) {
      program_.scratchpad_bytes = std::max(program_.scratchpad_bytes, step.scratchpad.get_size());
    }
    program_.steps.push_back(std::move(step));
  }

  /// A step that `function` runs. It reads all of `arguments` but the last and writes that one; between, it may use
  /// those that are DNNL_ARG_SCRATCHPAD.
  /// \param algorithm  what it is
  /// \param weights  [B] of the weights that the function holds
  /// \param threads  that it runs on
  /// \param values   [B] that it really reads and writes of its arguments; nothing: all
  /// \param implementation  as StepInfo has it; empty: the label's kind
  void emit_native(const Label& label, Algorithm algorithm, NativeFunction function, std::vector<Argument> arguments,
                   std::size_t weights, int threads = 1, std::optional<double> values = {},
                   std::string implementation = {}) {
    if (implementation.empty()) implementation = "fulcrum:" + label.kind;
    Step step{info_of(label, std::move(implementation), threads),
              {},
              std::move(arguments),
              {},
              std::move(function),
              weights,
              label.group};
    step.info.algorithm = algorithm;
    account(step);
    step.info.bytes = values.value_or(step.info.bytes) + static_cast<double>(weights);
    program_.steps.push_back(std::move(step));
  }

  /// Forgets conversions from and to bytes that are about to be overwritten.
  void forget_conversions(const Location& where) {
    std::erase_if(conversions_, [&](const Conversion& c) { return c.from == where || c.to.where == where; });
  }

  /// Has the bytes of a buffer lie inside another one, `offset` [B] from its start, so that what is written to the
  /// part is there in the whole. Precondition: nobody overwrites the part any more, and it is inside no other buffer.
  void place_inside(const Location& part, const Location& whole, std::size_t offset) {
    inside_.emplace(part.index, Location{Location::Place::arena, whole.index, offset});
  }
  /// Whether the value has a buffer of its own in the arena, which place_inside() may move.
  [[nodiscard]] bool is_movable(const Value& value) const {
    return value.where.place == Location::Place::arena && !inside_.contains(value.where.index) &&
           buffers_[value.where.index].bytes == value.desc.get_size();
  }

  /// Says that a layer runs otherwise than was planned.
  void amend(const std::string& layer, std::string change, std::string reason) {
    Amendment amendment{layer, std::move(change), std::move(reason)};
    if (std::find(program_.amendments.begin(), program_.amendments.end(), amendment) == program_.amendments.end())
      program_.amendments.push_back(std::move(amendment));
  }
  /// The same, and tells the user.
  void amend_aloud(const std::string& layer, std::string change, std::string reason) {
    note("layer '" + layer + "' " + change + ": " + reason);
    amend(layer, std::move(change), std::move(reason));
  }

  void note(std::string text) {
    if (std::find(program_.notes.begin(), program_.notes.end(), text) == program_.notes.end()) {
      program_.notes.push_back(std::move(text));
    }
  }

  /// Has `value` come out as output `index`: its buffer becomes the user's when it already is row-major f32 there.
  void deliver(const Value& value, std::size_t index, const std::string& name) {
    const Location output{Location::Place::output, index};
    const Desc wanted = plain_desc(shape_of(value.desc), DType::f32);
    const bool becomes_output = is_movable(value) && !value.map && is_plain(value.desc) &&
                                dtype_of_desc(value.desc) == DType::f32 && !moved_.contains(value.where.index) &&
                                value.desc.get_size() == wanted.get_size();
    if (becomes_output) {
      moved_.emplace(value.where.index, output);
    } else {
      reorder(value, {value.shape, wanted, output, std::nullopt}, name);
    }
    program_.dst_shapes.push_back(value.shape);
  }

  void add_input(const Shape& shape) { program_.src_shapes.push_back(shape); }

  /// The finished program, its arena planned.
  [[nodiscard]] Program finish() && {
    for (const auto& [part, unused] : inside_) {
      if (buffers_[part].first_step == SIZE_MAX) continue;
      BufferLifetime& whole = buffers_[resolved({Location::Place::arena, part}).index];
      whole.first_step = std::min(whole.first_step, buffers_[part].first_step);
      whole.last_step = std::max(whole.last_step, buffers_[part].last_step);
    }
    std::vector<BufferLifetime> lives;
    std::vector<std::size_t> in_arena;
    for (std::size_t id = 0; id < buffers_.size(); ++id) {
      if (moved_.contains(id) || inside_.contains(id) || buffers_[id].first_step == SIZE_MAX) continue;
      in_arena.push_back(id);
      lives.push_back(buffers_[id]);
    }
    const MemoryPlan plan = plan_memory(lives);
    program_.offsets.assign(buffers_.size(), 0);
    for (std::size_t i = 0; i < in_arena.size(); ++i) program_.offsets[in_arena[i]] = plan.offsets[i];
    program_.arena_bytes = plan.total;
    std::vector<bool> used(program_.constants.size(), false);
    for (Step& step : program_.steps) {
      for (Argument& argument : step.arguments) {
        if (argument.where.place == Location::Place::constant) used[argument.where.index] = true;
        if (argument.where.place != Location::Place::arena) continue;
        argument.where = resolved(argument.where);
        if (const auto to = moved_.find(argument.where.index); to != moved_.end()) {
          argument.where.place = to->second.place;
          argument.where.index = to->second.index;
        }
      }
    }
    for (std::size_t i = 0; i < used.size(); ++i) {
      if (!used[i]) program_.constants[i].reset();  // converted, and read by no step as it was
    }
    return std::move(program_);
  }

private:
  struct Conversion {
    Location from;
    Value to;
  };

  [[nodiscard]] static bool rounds_to_bf16(const Desc& from, const Desc& to) {
    return dtype_of_desc(from) == DType::f32 && dtype_of_desc(to) == DType::bf16;
  }

  /// A finite number stays finite, which oneDNN does not see to: Fulcrum's own loop rounds, in the layout that the
  /// value has, and oneDNN changes the layout afterwards. (That is no slower than both at once: half the bytes are
  /// moved.)
  void reorder_to_bf16(const Value& value, const Value& to, const std::string& name) {
    if (!same_layout(value.desc, to.desc)) {
      const std::optional<Desc> rounded = with_dtype(value.desc, DType::bf16);
      const Value from = rounded ? value : plain_f32(value, name);
      return reorder(convert(from, rounded.value_or(plain_desc(shape_of(from.desc), DType::bf16)), {}, name), to, name);
    }
    const std::size_t count = std::min(value.desc.get_size() / sizeof(float), to.desc.get_size() / sizeof(bf16));
    emit_native({name, "Reorder"}, Algorithm::threaded_loops,
                bf16_rounding_function(static_cast<std::int64_t>(count), threads_),
                {{DNNL_ARG_SRC, value.desc, value.where}, {DNNL_ARG_DST, to.desc, to.where}}, 0, threads_);
  }

  /// Integers whose map is found at run time as reals: in f32 in the layout that they have, then as is wanted.
  void dequantize(const Value& value, const Value& to, const std::string& name) {
    if (dtype_of_desc(to.desc) != DType::f32 || !same_layout(value.desc, to.desc)) {
      const bool has_form = with_dtype(value.desc, DType::f32).has_value();
      const Value from =
          has_form ? value : convert(value, plain_desc(shape_of(value.desc), DType::u8), std::nullopt, name);
      return reorder(convert(from, *with_dtype(from.desc, DType::f32), std::nullopt, name), to, name);
    }
    const auto count = static_cast<std::int64_t>(value.desc.get_size());
    emit_native({name, "Reorder"}, Algorithm::threaded_loops, dequantize_function(count, threads_),
                {{DNNL_ARG_SRC, value.desc, value.where},
                 {DNNL_ARG_SRC_1, run_time_map_desc(), *value.run_time_map},
                 {DNNL_ARG_DST, to.desc, to.where}},
                0, threads_);
  }

  /// Where the bytes are once buffers lie inside one another.
  [[nodiscard]] Location resolved(Location where) const {
    for (auto whole = inside_.find(where.index); whole != inside_.end(); whole = inside_.find(where.index)) {
      where.index = whole->second.index;
      where.offset += whole->second.offset;
    }
    return where;
  }

  [[nodiscard]] static StepInfo info_of(const Label& label, std::string implementation, int threads) {
    StepInfo info;
    info.name = label.name;
    info.kind = label.kind;
    info.implementation = std::move(implementation);
    info.flops = label.flops;
    info.threads = threads;
    info.layers = label.layers;
    if (label.group) info.why_ended = label.group->why_ended;
    return info;
  }

  /// Adds up what a step reads and writes and keeps its buffers alive until it has run. The step comes next.
  void account(Step& step) {
    for (const Argument& argument : step.arguments) {
      if (argument.id == DNNL_ARG_DST) {
        step.info.dst = dtype_of_desc(argument.desc);
        step.info.dst_layout = layout_name(argument.desc);
      }
      if (argument.id == DNNL_ARG_SRC || argument.id == DNNL_ARG_MULTIPLE_SRC) {
        step.info.src = dtype_of_desc(argument.desc);
        step.info.src_layout = layout_name(argument.desc);
      }
      if (argument.id != DNNL_ARG_SCRATCHPAD) step.info.bytes += static_cast<double>(argument.desc.get_size());
      if (argument.where.place != Location::Place::arena) continue;
      BufferLifetime& life = buffers_[argument.where.index];
      life.first_step = std::min(life.first_step, program_.steps.size());
      life.last_step = program_.steps.size();
    }
  }

  Location add_constant(SharedConstant constant) {
    program_.constants.push_back(std::move(constant));
    return {Location::Place::constant, program_.constants.size() - 1};
  }

  Location convert_constant(const Value& value, const Desc& wanted, const std::optional<AffineMap>& map) {
    const SharedConstant owner = program_.constants[value.where.index];
    const dnnl::memory from(value.desc, cpu_engine(), owner->memory.get_data_handle());
    if (wanted.get_size() == 0) return add_constant(std::make_shared<const ConstantMemory>(wanted));
    return add_constant(reordered(from, wanted, configure_reorder(value.map, map)));
  }

  /// The same with bf16's largest numbers for finite ones that oneDNN would make infinities of; nothing where there are
  /// none.
  [[nodiscard]] static std::optional<ConstantMemory> in_range_of_bf16(const dnnl::memory& from) {
    const Desc desc = from.get_desc();
    const std::span elements(static_cast<const float*>(from.get_data_handle()), desc.get_size() / sizeof(float));
    if (!reaches_beyond_bf16(elements)) return std::nullopt;
    ConstantMemory result(desc);
    std::transform(elements.begin(), elements.end(), reinterpret_cast<float*>(result.bytes.data()),
                   [](float x) { return is_finite_beyond_bf16(x) ? static_cast<float>(finite_bf16(x)) : x; });
    return result;
  }

  [[nodiscard]] SharedConstant reordered(const dnnl::memory& from, const Desc& wanted, Configured configured) {
    // Where other work has the other CPUs, a thread that one waits for is some milliseconds late: few constants take
    // as long by themselves.
    constexpr std::size_t worth_a_team = std::size_t{16} << 20U;  // [B]
    const ThreadScope scope(wanted.get_size() < worth_a_team ? 1 : threads_);
    configured.attributes.set_scratchpad_mode(dnnl::scratchpad_mode::library);
    const auto pd = reorder_forward(from.get_desc(), wanted, configured.attributes);
    auto to = std::make_shared<const ConstantMemory>(wanted);
    std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to->memory}};
    std::optional<ConstantMemory> in_range;
    if (rounds_to_bf16(from.get_desc(), wanted)) in_range = in_range_of_bf16(from);
    if (in_range) arguments[DNNL_ARG_SRC] = in_range->memory;
    for (const RuntimeArgument& extra : configured.arguments) arguments.emplace(extra.id, constant_of(extra)->memory);
    dnnl::reorder(pd).execute(stream_, arguments);
    stream_.wait();
    return to;
  }

  /// The elements as they are.
  [[nodiscard]] SharedConstant stored(const void* elements, std::size_t bytes, const Desc& desc) {
    return store_->find_or_make(constant_key(elements, bytes, desc, desc), [&] {
      auto constant = std::make_shared<const ConstantMemory>(desc);
      if (bytes > 0) std::memcpy(constant->bytes.data(), elements, bytes);
      return constant;
    });
  }

  [[nodiscard]] SharedConstant constant_of(const RuntimeArgument& argument) {
    const auto filled = [&](DType dtype, const void* from, std::size_t count) {
      return stored(from, count * size_of(dtype), plain_desc({static_cast<std::int64_t>(count)}, dtype));
    };
    if (const auto* scales = std::get_if<std::vector<float>>(&argument.value)) {
      return filled(DType::f32, scales->data(), scales->size());
    }
    return filled(DType::s32, &std::get<std::int32_t>(argument.value), 1);
  }

  dnnl::stream stream_;
  std::shared_ptr<ConstantStore> store_;
  int threads_ = 1;
  Program program_;
  std::vector<BufferLifetime> buffers_;
  std::vector<Conversion> conversions_;
  std::map<std::size_t, Location> moved_;   // buffers that are the user's own
  std::map<std::size_t, Location> inside_;  // buffers that lie inside others
};

}  // namespace fulcrum::detail::onednn
