// A set of half-open intervals of unsigned 64-bit numbers: which bytes of a file may be resident.
//
// Invariants: intervals are not empty, do not touch each other, and `total` is the sum of their lengths.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>

namespace gmem::kvm {

class Intervals {
 public:
  uint64_t total() const { return total_; }
  // End of everything in the set; 0 when empty.
  uint64_t end() const { return ends_.empty() ? 0 : std::prev(ends_.end())->second; }

  // How many of [start, end) are not in the set.
  uint64_t missing(uint64_t start, uint64_t end) const {
    if (start >= end) return 0;
    uint64_t covered = 0;
    auto it = ends_.upper_bound(start);
    if (it != ends_.begin()) --it;
    for (; it != ends_.end() && it->first < end; ++it) {
      const uint64_t from = std::max(it->first, start);
      const uint64_t to = std::min(it->second, end);
      if (from < to) covered += to - from;
    }
    return end - start - covered;
  }

  void add(uint64_t start, uint64_t end) {
    if (start >= end) return;
    auto it = ends_.upper_bound(start);
    if (it != ends_.begin() && std::prev(it)->second >= start) --it;
    while (it != ends_.end() && it->first <= end) {
      start = std::min(start, it->first);
      end = std::max(end, it->second);
      total_ -= it->second - it->first;
      it = ends_.erase(it);
    }
    ends_[start] = end;
    total_ += end - start;
  }

  void remove(uint64_t start, uint64_t end) {
    if (start >= end) return;
    auto it = ends_.upper_bound(start);
    if (it != ends_.begin()) --it;
    while (it != ends_.end() && it->first < end) {
      const auto [from, to] = *it;
      if (to <= start) {
        ++it;
        continue;
      }
      total_ -= to - from;
      it = ends_.erase(it);
      if (from < start) keep(from, start);
      if (end < to) keep(end, to);
    }
  }

 private:
  void keep(uint64_t start, uint64_t end) {
    ends_[start] = end;
    total_ += end - start;
  }

  std::map<uint64_t, uint64_t> ends_;
  uint64_t total_ = 0;
};

}  // namespace gmem::kvm
