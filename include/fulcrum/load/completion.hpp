#pragma once
/// \file
/// What happens when a request is done, without a heap allocation.

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

#include <fulcrum/core/language.hpp>
#include <fulcrum/load/request_record.hpp>

namespace fulcrum {

/// How a request ended.
struct RequestOutcome {
  RequestStatus status = RequestStatus::failed;
  std::chrono::steady_clock::time_point submitted{};  ///< when it entered the queue
  std::chrono::steady_clock::time_point started{};    ///< when its batch began to run; as finished where it did not
  std::chrono::steady_clock::time_point finished{};
  std::int64_t batch = 0;               ///< requests that ran together; 0: it did not run
  std::span<const float* const> dst{};  ///< results, one array per output; valid until the completion returns
  std::exception_ptr error{};           ///< what the executor threw; empty unless failed
};

/// A function of a RequestOutcome, kept in place: trivially copyable and of at most 48 bytes, so a lambda that captures
/// pointers and numbers. It is called once, on a thread of whoever runs the request, which does nothing else meanwhile:
/// it must be short, and must not throw or submit with a policy that blocks.
class Completion {
public:
  Completion() = default;
  template <class F>
  requires(!std::same_as<std::remove_cvref_t<F>, Completion> && std::invocable<const F&, const RequestOutcome&>)
      Completion(F f)
  noexcept {  // NOLINT(google-explicit-constructor): such a function is one
    static_assert(std::is_trivially_copyable_v<F> && std::is_trivially_destructible_v<F>,
                  "a completion captures pointers and numbers only: keep what owns memory outside");
    static_assert(sizeof(F) <= sizeof(place_) && alignof(F) <= alignof(std::max_align_t),
                  "a completion captures at most 48 bytes: capture a pointer to the rest");
    ::new (static_cast<void*>(place_.data())) F(f);
    call_ = [](const void* place, const RequestOutcome& outcome) {
      std::invoke(*std::launder(static_cast<const F*>(place)), outcome);
    };
  }

  void operator()(const RequestOutcome& outcome) const {
    if (call_ != nullptr) call_(place_.data(), outcome);
  }

private:
  alignas(std::max_align_t) std::array<std::byte, 48> place_{};
  void (*call_)(const void*, const RequestOutcome&) = nullptr;
};

}  // namespace fulcrum
