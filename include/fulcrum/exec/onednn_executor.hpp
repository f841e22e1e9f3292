#pragma once
/// \file
/// Runs a compiled model.

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/exec/executor.hpp>
#include <fulcrum/exec/onednn_model.hpp>

namespace fulcrum {

/// One instance of a compiled model: its own activations, scratchpad and stream. One thread at a time may use it; for
/// several, give each an executor of the same OnednnModel.
class OnednnExecutor {
public:
  /// \throws Error as OnednnModel::compile()
  OnednnExecutor(const Model<float>& model, const OnednnOptions& options)
      : OnednnExecutor(OnednnModel::compile(model, options)) {}

  explicit OnednnExecutor(std::shared_ptr<const OnednnModel> model)
      : model_(std::move(model)),
        arena_(program().arena_bytes),
        scratchpad_(program().scratchpad_bytes),
        stream_(detail::onednn::cpu_engine()) {
    bind_steps();
  }

  OnednnExecutor(OnednnExecutor&&) noexcept = default;
  OnednnExecutor& operator=(OnednnExecutor&&) noexcept = default;
  OnednnExecutor(const OnednnExecutor&) = delete;
  OnednnExecutor& operator=(const OnednnExecutor&) = delete;
  ~OnednnExecutor() = default;

  [[nodiscard]] const OnednnModel& compiled() const noexcept { return *model_; }

  /// One result per model output for one source per model input; shapes are compiled().src_shapes() and dst_shapes().
  /// \throws Error when the sources' number or shapes are others, and as execute()
  [[nodiscard]] std::vector<Tensor<float>> run(std::span<const Tensor<float>> src) {
    const std::vector<Shape>& src_shapes = model_->src_shapes();
    if (src.size() != src_shapes.size()) {
      throw Error("run()", "was given " + std::to_string(src.size()) + " source(s) for a model with " +
                               std::to_string(src_shapes.size()) + " input(s)");
    }
    std::vector<const float*> from;
    for (std::size_t i = 0; i < src.size(); ++i) {
      if (src[i].dims() != src_shapes[i]) {
        throw Error(
            "run()",
            "was given a source " + to_string(src[i].dims()) + " but was compiled for " + to_string(src_shapes[i]),
            "compile for that batch size");
      }
      from.push_back(src[i].flat().data());
    }
    std::vector<Tensor<float>> dst;
    for (const Shape& shape : model_->dst_shapes()) dst.emplace_back(shape);
    std::vector<float*> to;
    for (Tensor<float>& tensor : dst) to.push_back(tensor.flat().data());
    execute(from, to);
    return dst;
  }

  /// The same on row-major arrays of the user's, without allocating but for what layers without a oneDNN primitive hold
  /// in between. The results must not overlap the sources.
  /// Precondition: one pointer per input and per output, each to as many elements as its shape says.
  /// \throws Error naming the layer that its sources' values do not fit (an index out of range); the executor stays
  ///         usable
  void execute(std::span<const float* const> src, std::span<float* const> dst) {
    const detail::ThreadScope threads(model_->options().threads);
    threads_ = model_->options().threads;
    set_handles(src, dst);
    for (std::size_t i = 0; i < calls_.size(); ++i) run_step(i);
    stream_.wait();
  }

  /// The same with the time of each step. `step_times` has one element per compiled().steps().
  void execute_timed(std::span<const float* const> src, std::span<float* const> dst,
                     std::span<std::chrono::nanoseconds> step_times) {
    if (step_times.size() != calls_.size()) {
      throw Error("execute_timed()", "was given room for " + std::to_string(step_times.size()) + " times",
                  "give " + std::to_string(calls_.size()));
    }
    const detail::ThreadScope threads(model_->options().threads);
    threads_ = model_->options().threads;
    set_handles(src, dst);
    auto before = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      run_step(i);
      const auto after = std::chrono::steady_clock::now();
      step_times[i] = after - before;
      before = after;
    }
    stream_.wait();
  }

  /// Runs one step again and again on whatever its buffers hold, for timing it by itself: the results mean nothing.
  /// Precondition: as execute()
  /// \param times  one time per repetition
  void time_step(std::size_t step, std::span<const float* const> src, std::span<float* const> dst,
                 std::span<std::chrono::nanoseconds> times) {
    const detail::ThreadScope threads(model_->options().threads);
    threads_ = model_->options().threads;
    set_handles(src, dst);
    for (std::chrono::nanoseconds& time : times) {
      const auto before = std::chrono::steady_clock::now();
      run_step(step);
      stream_.wait();
      time = std::chrono::steady_clock::now() - before;
    }
  }

private:
  struct Call {
    const_dnnl_primitive_t primitive = nullptr;
    std::vector<dnnl_exec_arg_t> arguments;  ///< of the primitive
    detail::onednn::NativeFunction native;   ///< runs where there is no primitive
    std::vector<void*> pointers;             ///< of the native function
    int threads = 1;
  };
  struct UserArgument {
    dnnl::memory memory;
    std::size_t index = 0;   ///< of the model's input or output
    std::size_t offset = 0;  ///< [B] from its start
  };
  struct UserPointer {
    std::size_t call = 0;
    std::size_t position = 0;  ///< among the call's pointers
    std::size_t index = 0;     ///< of the model's input or output
    std::size_t offset = 0;    ///< [B] from its start
  };

  [[nodiscard]] const detail::onednn::Program& program() const noexcept { return model_->program(); }

  void bind_steps() {
    using Place = detail::onednn::Location::Place;
    const dnnl::engine& engine = detail::onednn::cpu_engine();
    for (const detail::onednn::Step& step : program().steps) {
      if (step.native) {
        bind_native(step);
        continue;
      }
      Call call{step.primitive.get(), {}, {}, {}, step.info.threads};
      for (const detail::onednn::Argument& argument : step.arguments) {
        const std::size_t index = argument.where.index;
        switch (argument.where.place) {
          case Place::arena:
            memories_.emplace_back(argument.desc, engine,
                                   arena_.data() + program().offsets[index] + argument.where.offset);
            break;
          case Place::constant:
            memories_.emplace_back(argument.desc, engine, program().constants[index]->memory.get_data_handle());
            break;
          case Place::input:
            memories_.emplace_back(argument.desc, engine, static_cast<void*>(nullptr));
            sources_.push_back({memories_.back(), index, argument.where.offset});
            break;
          case Place::output:
            memories_.emplace_back(argument.desc, engine, static_cast<void*>(nullptr));
            destinations_.push_back({memories_.back(), index, argument.where.offset});
            break;
        }
        call.arguments.push_back({argument.id, memories_.back().get()});
      }
      if (step.scratchpad.get_size() > 0) {
        memories_.emplace_back(step.scratchpad, engine, scratchpad_.data());
        call.arguments.push_back({DNNL_ARG_SCRATCHPAD, memories_.back().get()});
      }
      calls_.push_back(std::move(call));
    }
  }

  void bind_native(const detail::onednn::Step& step) {
    using Place = detail::onednn::Location::Place;
    Call call{nullptr, {}, step.native, {}, step.info.threads};
    for (const detail::onednn::Argument& argument : step.arguments) {
      const std::size_t index = argument.where.index;
      const UserPointer user{calls_.size(), call.pointers.size(), index, argument.where.offset};
      switch (argument.where.place) {
        case Place::arena:
          call.pointers.push_back(arena_.data() + program().offsets[index] + argument.where.offset);
          break;
        case Place::constant: call.pointers.push_back(program().constants[index]->memory.get_data_handle()); break;
        case Place::input:
          call.pointers.push_back(nullptr);
          source_pointers_.push_back(user);
          break;
        case Place::output:
          call.pointers.push_back(nullptr);
          destination_pointers_.push_back(user);
          break;
      }
    }
    calls_.push_back(std::move(call));
  }

  void set_handles(std::span<const float* const> src, std::span<float* const> dst) {
    if (src.size() != model_->src_shapes().size() || dst.size() != model_->dst_shapes().size()) {
      throw Error(
          "execute()",
          "was given " + std::to_string(src.size()) + " source(s) and " + std::to_string(dst.size()) + " result(s)",
          "give " + std::to_string(model_->src_shapes().size()) + " and " +
              std::to_string(model_->dst_shapes().size()));
    }
    const auto set = [](UserArgument& user, float* base) {
      std::byte* handle = reinterpret_cast<std::byte*>(base) + user.offset;
      if (user.memory.get_data_handle() != handle) user.memory.set_data_handle(handle);
    };
    // oneDNN and native functions only read through the pointers of their sources.
    for (UserArgument& s : sources_) set(s, const_cast<float*>(src[s.index]));
    for (UserArgument& d : destinations_) set(d, dst[d.index]);
    const auto point = [&](const UserPointer& user, float* base) {
      calls_[user.call].pointers[user.position] = reinterpret_cast<std::byte*>(base) + user.offset;
    };
    for (const UserPointer& s : source_pointers_) point(s, const_cast<float*>(src[s.index]));
    for (const UserPointer& d : destination_pointers_) point(d, dst[d.index]);
  }

  void run_step(std::size_t i) {
    const Call& call = calls_[i];
    if (call.threads != threads_) {
      threads_ = call.threads;
      detail::fulcrum_omp_set_num_threads(threads_);
    }
    if (call.native) {
      stream_.wait();
      try {
        call.native(call.pointers);
      } catch (const std::exception& error) {
        throw Error("layer '" + program().steps[i].info.name + "'", error.what());
      }
      return;
    }
    const dnnl_status_t status = dnnl_primitive_execute(call.primitive, stream_.get(),
                                                        static_cast<int>(call.arguments.size()), call.arguments.data());
    if (status != dnnl_success) {
      throw Error("layer '" + program().steps[i].info.name + "'",
                  "failed in oneDNN with status " + std::to_string(static_cast<int>(status)));
    }
  }

  std::shared_ptr<const OnednnModel> model_;
  detail::PageBuffer arena_;
  detail::PageBuffer scratchpad_;
  dnnl::stream stream_;
  std::vector<dnnl::memory> memories_;
  std::vector<Call> calls_;
  std::vector<UserArgument> sources_;
  std::vector<UserArgument> destinations_;
  std::vector<UserPointer> source_pointers_;
  std::vector<UserPointer> destination_pointers_;
  int threads_ = 1;  // that OpenMP is set to while a run lasts
};

static_assert(Executor<OnednnExecutor>);

}  // namespace fulcrum
