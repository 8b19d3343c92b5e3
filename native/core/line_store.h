// Storage for detail lines: what a 2M block needs only when its pages differ. A line is a number; each kind of detail
// keeps its own array under that number (a structure of arrays), so that a scan over one kind of bit streams through
// memory.
//
// Always: a line that was given back is all zero in every array of its owner, so scans may ignore which lines are in
// use.
#pragma once

#include <algorithm>
#include <cstdint>
#include <new>
#include <vector>

#include "core/sync.h"

namespace gmem {

class LineNumbers {
 public:
  // Numbers are below `most`.
  explicit LineNumbers(uint64_t most) : most_(most) {}

  // Throws std::bad_alloc when all are in use.
  uint32_t take() {
    if (!shared_) [[likely]]
      return take_alone();
    const SpinGuard guard(lock_, figures_);
    return take_alone();
  }
  void give(uint32_t line) noexcept {
    if (!shared_) [[likely]] {
      returned_.push_back(line);
      return;
    }
    const SpinGuard guard(lock_, figures_);
    returned_.push_back(line);
  }

  // Whether several lanes take and give from now on. REQUIRES: none does now.
  void share(bool on) { shared_ = on; }
  const LockFigures& figures() const { return figures_; }

  // Lines ever taken: every line in use is below.
  uint32_t high_water() const { return next_; }
  uint32_t in_use() const { return next_ - static_cast<uint32_t>(returned_.size()); }

 private:
  uint32_t take_alone() {
    if (!returned_.empty()) {
      const uint32_t line = returned_.back();
      returned_.pop_back();
      return line;
    }
    if (next_ == most_) throw std::bad_alloc();
    // Room for all to be returned, so that to give one back never fails.
    if (next_ == returned_.capacity()) returned_.reserve(std::max<size_t>(64, 2 * size_t{next_}));
    return next_++;
  }

  std::vector<uint32_t> returned_;
  uint64_t most_;
  uint32_t next_ = 0;
  bool shared_ = false;
  SpinLock lock_;
  LockFigures figures_;
};

}  // namespace gmem
