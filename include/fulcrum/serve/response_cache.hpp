#pragma once
/// \file
/// Results of requests that may come again.

#include <cstddef>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fulcrum/core/linkage.hpp>
#include <fulcrum/serve/sha256.hpp>

namespace fulcrum {

/// The results of a version's requests by the content of their inputs, the least recently used leaving first. Any
/// number of threads may use it.
class ResponseCache {
public:
  using Results = std::vector<std::vector<float>>;  ///< of each output

  /// \param most_bytes  of results and what is kept with them; 0: nothing is kept
  explicit ResponseCache(std::size_t most_bytes) : most_(most_bytes) {}

  [[nodiscard]] bool enabled() const noexcept { return most_ > 0; }
  /// Empty when it is not there.
  FULCRUM_DECLARE [[nodiscard]] std::shared_ptr<const Results> find(const Sha256Digest& key);
  FULCRUM_DECLARE void put(const Sha256Digest& key, Results results);
  FULCRUM_DECLARE [[nodiscard]] std::size_t bytes() const;

private:
  struct Entry {
    Sha256Digest key;
    std::shared_ptr<const Results> results;
    std::size_t bytes = 0;
  };
  struct Hash {
    std::size_t operator()(const Sha256Digest& key) const noexcept {
      std::size_t hash = 0;
      std::memcpy(&hash, key.data(), sizeof hash);
      return hash;
    }
  };

  std::size_t most_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the most recently used first
  std::unordered_map<Sha256Digest, std::list<Entry>::iterator, Hash> index_;
  std::size_t bytes_ = 0;
};

}  // namespace fulcrum

#if FULCRUM_DEFINES(serve)

namespace fulcrum {

FULCRUM_DEFINE std::shared_ptr<const ResponseCache::Results> ResponseCache::find(const Sha256Digest& key) {
  const std::lock_guard lock(mutex_);
  const auto at = index_.find(key);
  if (at == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, at->second);
  return at->second->results;
}

FULCRUM_DEFINE void ResponseCache::put(const Sha256Digest& key, Results results) {
  constexpr std::size_t beside = 256;  // list, index, vectors: about
  std::size_t bytes = beside;
  for (const std::vector<float>& result : results) bytes += result.size() * sizeof(float) + sizeof(result);
  if (bytes > most_) return;
  const std::lock_guard lock(mutex_);
  if (index_.contains(key)) return;
  while (bytes_ + bytes > most_) {
    bytes_ -= entries_.back().bytes;
    index_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({key, std::make_shared<const Results>(std::move(results)), bytes});
  index_[key] = entries_.begin();
  bytes_ += bytes;
}

FULCRUM_DEFINE std::size_t ResponseCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace fulcrum

#endif
