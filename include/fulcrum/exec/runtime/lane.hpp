#pragma once
/// \file
/// A program with the memory it runs in.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fulcrum/core/error.hpp>
#include <fulcrum/exec/runtime/page_buffer.hpp>
#include <fulcrum/exec/runtime/program.hpp>
#include <fulcrum/onednn/thread_scope.hpp>

namespace fulcrum::detail::onednn {

/// Runs a program's steps, one after the other, in an arena, a scratchpad and a stream of its own. One thread at a time
/// may use it. The program has to outlive it.
class Lane {
public:
  explicit Lane(const Program& program)
      : program_(&program), arena_(program.arena_bytes), scratchpad_(program.scratchpad_bytes), stream_(cpu_engine()) {
    for (const Shape& shape : program.src_shapes) src_bytes_.push_back(sizeof(float) * count(shape));
    for (const Shape& shape : program.dst_shapes) dst_bytes_.push_back(sizeof(float) * count(shape));
    for (const Step& step : program.steps) {
      if (step.native)
        bind_native(step);
      else
        bind_primitive(step);
    }
  }

  /// Has the next runs read and write slice `slice` of the user's arrays, each of which holds all slices in turn.
  void point_at(std::span<const float* const> src, std::span<float* const> dst, std::int64_t slice) {
    const auto at = static_cast<std::size_t>(slice);
    const auto start = [at](const float* base, std::size_t slice_bytes) {
      // oneDNN and native functions only read through the pointers of their sources.
      return reinterpret_cast<std::byte*>(const_cast<float*>(base)) + at * slice_bytes;
    };
    const auto set = [](UserArgument& user, std::byte* base) {
      std::byte* handle = base + user.offset;
      if (user.memory.get_data_handle() != handle) user.memory.set_data_handle(handle);
    };
    for (UserArgument& s : sources_) set(s, start(src[s.index], src_bytes_[s.index]));
    for (UserArgument& d : destinations_) set(d, start(dst[d.index], dst_bytes_[d.index]));
    const auto point = [&](const UserPointer& user, std::byte* base) {
      calls_[user.call].pointers[user.position] = base + user.offset;
    };
    for (const UserPointer& s : source_pointers_) point(s, start(src[s.index], src_bytes_[s.index]));
    for (const UserPointer& d : destination_pointers_) point(d, start(dst[d.index], dst_bytes_[d.index]));
  }

  /// Runs all steps.
  /// \param threads  that OpenMP is set to on the calling thread
  /// \throws Error naming the layer that failed
  void run(int threads) {
    threads_ = threads;
    for (std::size_t i = 0; i < calls_.size(); ++i) run_step(i);
    stream_.wait();
  }

  /// The same, and adds to each step's time.
  void run_timed(int threads, std::span<std::chrono::nanoseconds> step_times) {
    threads_ = threads;
    auto before = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      run_step(i);
      const auto after = std::chrono::steady_clock::now();
      step_times[i] += after - before;
      before = after;
    }
    stream_.wait();
  }

  /// Runs one step on whatever its buffers hold.
  void run_one(int threads, std::size_t step) {
    threads_ = threads;
    run_step(step);
    stream_.wait();
  }

private:
  struct Call {
    const_dnnl_primitive_t primitive = nullptr;
    std::vector<dnnl_exec_arg_t> arguments;  ///< of the primitive
    NativeFunction native;                   ///< runs where there is no primitive
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

  [[nodiscard]] static std::size_t count(const Shape& shape) { return static_cast<std::size_t>(element_count(shape)); }

  [[nodiscard]] void* in_arena(const Location& where) const {
    return arena_.data() + program_->offsets[where.index] + where.offset;
  }
  [[nodiscard]] void* constant(const Location& where) const {
    return program_->constants[where.index]->memory.get_data_handle();
  }

  void bind_primitive(const Step& step) {
    using Place = Location::Place;
    const dnnl::engine& engine = cpu_engine();
    Call call{step.primitive.get(), {}, {}, {}, step.info.threads};
    for (const Argument& argument : step.arguments) {
      const Location& where = argument.where;
      void* handle = where.place == Place::arena      ? in_arena(where)
                     : where.place == Place::constant ? constant(where)
                                                      : nullptr;  // the user's: point_at()
      memories_.emplace_back(argument.desc, engine, handle);
      if (where.place == Place::input) sources_.push_back({memories_.back(), where.index, where.offset});
      if (where.place == Place::output) destinations_.push_back({memories_.back(), where.index, where.offset});
      call.arguments.push_back({argument.id, memories_.back().get()});
    }
    if (step.scratchpad.get_size() > 0) {
      memories_.emplace_back(step.scratchpad, engine, scratchpad_.data());
      call.arguments.push_back({DNNL_ARG_SCRATCHPAD, memories_.back().get()});
    }
    calls_.push_back(std::move(call));
  }

  void bind_native(const Step& step) {
    using Place = Location::Place;
    Call call{nullptr, {}, step.native, {}, step.info.threads};
    for (const Argument& argument : step.arguments) {
      const Location& where = argument.where;
      const UserPointer user{calls_.size(), call.pointers.size(), where.index, where.offset};
      call.pointers.push_back(where.place == Place::arena      ? in_arena(where)
                              : where.place == Place::constant ? constant(where)
                                                               : nullptr);
      if (where.place == Place::input) source_pointers_.push_back(user);
      if (where.place == Place::output) destination_pointers_.push_back(user);
    }
    calls_.push_back(std::move(call));
  }

  void run_step(std::size_t i) {
    const Call& call = calls_[i];
    if (call.threads != threads_) {
      threads_ = call.threads;
      fulcrum_omp_set_num_threads(threads_);
    }
    if (call.native) {
      stream_.wait();
      try {
        call.native(call.pointers);
      } catch (const std::exception& error) {
        throw Error("layer '" + program_->steps[i].info.name + "'", error.what());
      }
      return;
    }
    const dnnl_status_t status = dnnl_primitive_execute(call.primitive, stream_.get(),
                                                        static_cast<int>(call.arguments.size()), call.arguments.data());
    if (status != dnnl_success) {
      throw Error("layer '" + program_->steps[i].info.name + "'",
                  "failed in oneDNN with status " + std::to_string(static_cast<int>(status)));
    }
  }

  const Program* program_;
  PageBuffer arena_;
  PageBuffer scratchpad_;
  dnnl::stream stream_;
  std::vector<dnnl::memory> memories_;
  std::vector<Call> calls_;
  std::vector<UserArgument> sources_;
  std::vector<UserArgument> destinations_;
  std::vector<UserPointer> source_pointers_;
  std::vector<UserPointer> destination_pointers_;
  std::vector<std::size_t> src_bytes_;  // of each of the user's sources, one slice
  std::vector<std::size_t> dst_bytes_;
  int threads_ = 1;  // that OpenMP is set to while a run lasts
};

}  // namespace fulcrum::detail::onednn
