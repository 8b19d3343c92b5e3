// Which ops of an epoch are whose: the places of each lane's ops, in the stream's order, told from the epoch's first.
//
// The lanes look at the ops together, each at every so-many-th block of them, and every op is looked at once. Then each
// gathers its own from what all have found. Where the epoch ends at the first op that is not small, whoever meets one
// says so, and nobody looks far behind it.
//
// Invariant, once all have looked: lists of the blocks before the end hold every place before it exactly once.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>

#include "core/sync.h"
#include "spec.gen.h"

namespace gmem {

// vcpu mod lanes, without a division an op.
class LaneByVcpu {
 public:
  explicit LaneByVcpu(uint32_t lanes)
      : lanes_(lanes),
        mask_(std::has_single_bit(lanes) ? lanes - 1 : 0),
        reciprocal_((uint64_t{1} << 32) / lanes + 1) {}
  // The reciprocal is exact for 16-bit vcpus and so few lanes.
  uint32_t operator()(const spec::OpRecord& op) const {
    if (mask_ != 0) return op.vcpu & mask_;
    return op.vcpu - static_cast<uint32_t>(op.vcpu * reciprocal_ >> 32) * lanes_;
  }

 private:
  uint32_t lanes_;
  uint32_t mask_;  // where the number of lanes is a power of two
  uint64_t reciprocal_;
};

class LaneShares {
 public:
  using Place = uint16_t;
  static constexpr uint64_t kMostOps = uint64_t{1} << 14;
  static constexpr uint64_t kBlockOps = 1024;  // of one member
  // Behind the last place of a lane as many more have that last place: who looks ahead need not look for the end.
  static constexpr uint32_t kPadding = 32;

  explicit LaneShares(uint32_t lanes);

  // REQUIRES: no member works; 0 < count <= kMostOps.
  void begin(const spec::OpRecord* ops, uint64_t count) {
    ops_ = ops;
    end_.store(static_cast<uint32_t>(count), std::memory_order_relaxed);
  }
  // What the member looks at. `goes_on(op)`: the op is one of the epoch.
  template <class GoesOn>
  void look(uint32_t member, GoesOn goes_on);
  // Once all have looked. Ops of the epoch.
  uint64_t end() const { return end_.load(std::memory_order_relaxed); }
  // Once all have looked, by the lane's thread. Its places are *first and those behind it; returns how many.
  uint32_t gather(uint32_t lane, const Place*& first);

 private:
  static constexpr uint64_t kBlocks = kMostOps / kBlockOps;

  uint16_t& length(uint64_t block, uint32_t lane) { return lengths_[block * lanes_ + lane]; }
  Place* list(uint64_t block, uint32_t lane) { return lists_.get() + (block * lanes_ + lane) * kBlockOps; }

  const uint32_t lanes_;
  const LaneByVcpu lane_of_;
  const spec::OpRecord* ops_ = nullptr;
  // Not touched before they are used: of many lanes a list is short.
  std::unique_ptr<Place[]> lists_;
  std::unique_ptr<uint16_t[]> lengths_;
  std::unique_ptr<Place[]> gathered_;  // those of one lane after those of another
  alignas(kNoSharingBytes) std::atomic<uint32_t> end_{0};
};

// Asks for the ops that a member will look at in the next epoch, some at a time, while it runs those of this one.
class ComingOps {
 public:
  static constexpr uint32_t kAtOnce = 8;

  ComingOps(const spec::OpRecord* first, uint32_t member, uint32_t members)
      : at_(reinterpret_cast<uintptr_t>(first + member * LaneShares::kBlockOps)),
        skipped_bytes_((members - 1) * LaneShares::kBlockOps * sizeof(spec::OpRecord)) {}

  // The next kAtOnce. There may be none any more: nothing is read.
  void ask() {
    for (size_t i = 0; i < kAtOnce * sizeof(spec::OpRecord); i += kCacheLineBytes)
      __builtin_prefetch(reinterpret_cast<const void*>(at_ + i));
    at_ += kAtOnce * sizeof(spec::OpRecord);
    left_ -= kAtOnce;
    if (left_ != 0) return;
    left_ = LaneShares::kBlockOps;
    at_ += skipped_bytes_;
  }

 private:
  uintptr_t at_;
  size_t skipped_bytes_;  // those of other members
  uint64_t left_ = LaneShares::kBlockOps;
};

template <class GoesOn>
void LaneShares::look(uint32_t member, GoesOn goes_on) {
  Place* behind[spec::kMostVcpuThreads];
  const LaneByVcpu lane_of = lane_of_;
  const spec::OpRecord* const ops = ops_;
  for (uint64_t block = member;; block += lanes_) {
    const uint64_t first = block * kBlockOps;
    const uint64_t most = end_.load(std::memory_order_relaxed);
    if (first >= most) return;
    const uint64_t end = std::min(most, first + kBlockOps);
    for (uint32_t lane = 0; lane < lanes_; ++lane) behind[lane] = list(block, lane);
    uint64_t at = first;
    for (; at < end && goes_on(ops[at]); ++at) *behind[lane_of(ops[at])]++ = static_cast<Place>(at);
    for (uint32_t lane = 0; lane < lanes_; ++lane)
      length(block, lane) = static_cast<uint16_t>(behind[lane] - list(block, lane));
    if (at == end) continue;
    uint32_t known = end_.load(std::memory_order_relaxed);
    while (at < known && !end_.compare_exchange_weak(known, static_cast<uint32_t>(at), std::memory_order_relaxed)) {
    }
    return;
  }
}

}  // namespace gmem
