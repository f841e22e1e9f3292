#pragma once
/// \file
/// Weights and other constants of programs, each in memory once for all programs that read it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <fulcrum/exec/runtime/page_buffer.hpp>
#include <fulcrum/onednn/adapter.hpp>
#include <fulcrum/tensor/shared_tensor.hpp>

namespace fulcrum::detail::onednn {

/// A value that is known when a model is compiled, in a layout that a primitive reads. Immutable once made.
struct ConstantMemory {
  explicit ConstantMemory(const Desc& desc) : bytes(desc.get_size()), memory(desc, cpu_engine(), bytes.data()) {}
  /// Over elements that the model holds as well: whoever edits them gets a copy. oneDNN only reads through the pointer.
  ConstantMemory(const Desc& desc, SharedTensor<float> elements)
      : shared(std::move(elements)),
        memory(desc, cpu_engine(), const_cast<float*>(std::as_const(*shared).flat().data())) {}

  PageBuffer bytes;
  SharedTensor<float> shared;
  dnnl::memory memory;
};
using SharedConstant = std::shared_ptr<const ConstantMemory>;

/// What makes two constants the same: the elements they come from, by their content, and the layouts before and after.
struct ConstantKey {
  std::uint64_t low = 0, high = 0;  ///< of the elements
  std::size_t bytes = 0;            ///< of the elements
  Desc from, to;

  friend bool operator==(const ConstantKey&, const ConstantKey&) = default;
};

/// 128 bits that tell contents apart: two words, each mixed by a multiplication and a shift for every eight bytes. Good
/// against accidents, not against somebody who looks for two contents with the same bits. Four pairs of words take
/// every fourth eight bytes each, so that a multiplication need not wait for the one before it.
[[nodiscard]] inline ConstantKey constant_key(const void* elements, std::size_t bytes, const Desc& from,
                                              const Desc& to) {
  struct Words {
    std::uint64_t low = 0x9e3779b97f4a7c15U, high = 0xc2b2ae3d27d4eb4fU;
    void mix(std::uint64_t word) {
      low = (low ^ word) * 0xff51afd7ed558ccdU;
      low ^= low >> 32U;
      high = (high + word) * 0x9fb21c651e98df25U;
      high ^= high >> 29U;
    }
  };
  std::array<Words, 4> words;
  std::array<std::uint64_t, 4> block{};
  const auto* at = static_cast<const std::byte*>(elements);
  std::size_t left = bytes;
  const auto mix_block = [&] {
    for (std::size_t i = 0; i < block.size(); ++i) words[i].mix(block[i]);
  };
  for (; left >= sizeof block; left -= sizeof block, at += sizeof block) {
    std::memcpy(block.data(), at, sizeof block);
    mix_block();
  }
  if (left > 0) {
    block.fill(0);
    std::memcpy(block.data(), at, left);
    mix_block();
  }
  Words all;
  for (const Words& each : words) {
    all.mix(each.low);
    all.mix(each.high);
  }
  return {all.low, all.high, bytes, from, to};
}

/// Constants by what they are made from, as long as some program holds them. Threads may share a store.
class ConstantStore {
public:
  /// The constant of that key; `make()` makes it where no program holds one.
  template <class Make>
  [[nodiscard]] SharedConstant find_or_make(const ConstantKey& key, const Make& make) {
    if (SharedConstant constant = find(key)) return constant;
    SharedConstant constant = make();
    const std::lock_guard lock(mutex_);
    std::vector<Entry>& entries = entries_[key.low];
    std::erase_if(entries, [](const Entry& entry) { return entry.constant.expired(); });
    entries.push_back({key, constant});
    return constant;
  }

  /// [B] of all constants that some program holds.
  [[nodiscard]] std::size_t bytes() const {
    const std::lock_guard lock(mutex_);
    std::size_t total = 0;
    for (const auto& [hash, entries] : entries_) {
      for (const Entry& entry : entries) {
        if (const SharedConstant constant = entry.constant.lock()) total += constant->memory.get_desc().get_size();
      }
    }
    return total;
  }

private:
  [[nodiscard]] SharedConstant find(const ConstantKey& key) {
    const std::lock_guard lock(mutex_);
    const auto entries = entries_.find(key.low);
    if (entries == entries_.end()) return nullptr;
    for (const Entry& entry : entries->second) {
      if (!(entry.key == key)) continue;
      if (SharedConstant constant = entry.constant.lock()) return constant;
    }
    return nullptr;
  }

  struct Entry {
    ConstantKey key;
    std::weak_ptr<const ConstantMemory> constant;
  };
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::vector<Entry>> entries_;
};

}  // namespace fulcrum::detail::onednn
