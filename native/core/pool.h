// Huge pages set aside at engine creation (hugetlb): the lowest ones of host memory, never seen by the buddy frames.
//
// Stored: which pool pages are free, how many pages files have reserved, and of each page freed with orphans how many
// are left. Always: free + held + waiting + out of use = size. A page that poison put out of use keeps its reservation,
// so that a reservation may find no page.
#pragma once

#include <bit>
#include <cstdint>
#include <unordered_map>

#include "core/bit_tree.h"
#include "core/units.h"

namespace gmem {

class Pool {
 public:
  // `pages` huge pages of 2^order frames from pfn 0; none: no pool.
  Pool(uint64_t pages, uint32_t order) : size_(pages), order_(order), free_set_(pages == 0 ? 1 : pages), free_(pages) {
    for (uint64_t page = 0; page < pages; ++page) free_set_.set(page);
  }

  uint32_t order() const { return order_; }
  Pages frames() const { return {size_ << order_}; }
  bool holds(Pfn pfn) const { return pfn.value < frames().value; }

  bool reserve(uint64_t pages) {
    if (free_ < reserved_ + pages) return false;
    reserved_ += pages;
    return true;
  }
  // A page of the file was freed: the file may take another.
  void reserve_again() { ++reserved_; }
  void unreserve(uint64_t pages) { reserved_ -= pages; }

  // The lowest free page, out of the caller's reservation. Returns false when poison left none.
  bool take(Pfn& first) {
    const uint64_t page = free_set_.first();
    if (page == BitTree::kNone) return false;
    free_set_.clear(page);
    --free_;
    --reserved_;
    first = {page << order_};
    return true;
  }
  // The same for a caller that hands them out by itself, at most `most` out of one aligned run of 64 pages, `group` its
  // number and `pages` the bits of those taken: the reservation they come out of is told later (taken), and a page it
  // did not need is given back (give).
  bool take_unreserved(uint32_t most, uint64_t& group, uint64_t& pages) {
    const uint64_t page = free_set_.first();
    if (page == BitTree::kNone) return false;
    group = page / 64;
    pages = free_set_.take_some(group, most);
    free_ -= static_cast<uint64_t>(std::popcount(pages));
    return true;
  }
  void taken(uint64_t pages) { reserved_ -= pages; }
  // The page is free again.
  void give(Pfn first) {
    free_set_.set(first.value >> order_);
    ++free_;
  }
  // The page has no owner but `orphans` pinned frames of it.
  void wait_for(Pfn first, uint64_t orphans, bool poisoned) { waiting_[first.value >> order_] = {orphans, poisoned}; }
  // One of them was unpinned. Returns true when it was the last; the page then waits no more and is the caller's to
  // give back.
  bool orphan_gone(Pfn pfn) {
    const auto it = waiting_.find(pfn.value >> order_);
    if (--it->second.orphans != 0) return false;
    waiting_.erase(it);
    return true;
  }
  bool waits(Pfn first) const { return waiting_.contains(first.value >> order_); }
  Pfn page_of(Pfn pfn) const { return {pfn.value >> order_ << order_}; }
  // A page with poison is never free again.
  void retire() { ++retired_; }

  uint64_t size() const { return size_; }
  uint64_t free() const { return free_; }
  uint64_t reserved() const { return reserved_; }
  uint64_t retired() const { return retired_; }
  uint64_t waiting() const { return waiting_.size(); }
  // Frames of waiting pages that are neither orphans nor poison: nobody's.
  uint64_t idle_frames() const {
    uint64_t frames = 0;
    for (const auto& [page, wait] : waiting_) frames += wait.poisoned ? 0 : (uint64_t{1} << order_) - wait.orphans;
    return frames;
  }
  bool is_free(Pfn pfn) const { return free_set_.test(pfn.value >> order_); }

 private:
  struct Wait {
    uint64_t orphans;
    bool poisoned;
  };

  uint64_t size_;
  uint32_t order_;
  BitTree free_set_;
  uint64_t free_;
  uint64_t reserved_ = 0;
  uint64_t retired_ = 0;
  std::unordered_map<uint64_t, Wait> waiting_;  // by page
};

}  // namespace gmem
