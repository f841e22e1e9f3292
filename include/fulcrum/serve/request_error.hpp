#pragma once
/// \file
/// What a client did wrong, or what could not be done for it, with the status code that says so.

#include <string>
#include <utility>

#include <fulcrum/core/error.hpp>

namespace fulcrum {

/// An Error that a client is told, with its HTTP status: 400 for what cannot be understood, 404 for what is not there,
/// 429 and 503 for what may be tried again.
class RequestError : public Error {
public:
  /// \param status  400 … 599
  RequestError(int status, std::string where, std::string what, std::string remedy = {})
      : Error(std::move(where), std::move(what), std::move(remedy)), status_(status) {}

  [[nodiscard]] int status() const noexcept { return status_; }

private:
  int status_;
};

}  // namespace fulcrum
