// Host references to pages: long-term pins (gup) and transient speculative ones.
//
// Stored: for each pinned index the frames pinned through it, oldest first, with how often; for each pinned frame the
// total and, once its page was freed, that it is an orphan; for each speculatively referenced index the tries left.
// Always: a frame's total is the sum over the indexes; an orphan's total is above zero; files are named by serial, so
// that a pin outlives its file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "core/frames.h"
#include "core/units.h"

namespace gmem {

struct PinnedFrame {
  uint64_t total = 0;
  bool orphan = false;
  bool poisoned = false;                     // orphans only: never to be used again
  Mobility mobility = Mobility::kUnmovable;  // orphans only
};

// The pinned frames by pfn, in many small tables: none of them takes long to grow, so that an op of many pins can be
// ended in between.
class PinnedFrames {
 public:
  uint64_t size() const { return size_; }
  bool contains(Pfn pfn) const { return size_ != 0 && table_of(pfn).contains(pfn.value); }
  // REQUIRES: the frame is pinned.
  PinnedFrame& at(Pfn pfn) { return tables_[number_of(pfn)].at(pfn.value); }
  const PinnedFrame& at(Pfn pfn) const { return table_of(pfn).at(pfn.value); }
  // The frame's record, made if there is none.
  PinnedFrame& make(Pfn pfn) {
    if (tables_.empty()) tables_.resize(kTables);
    const auto [place, made] = tables_[number_of(pfn)].try_emplace(pfn.value);
    size_ += made;
    return place->second;
  }
  // REQUIRES: there is one.
  void erase(Pfn pfn) {
    tables_[number_of(pfn)].erase(pfn.value);
    --size_;
  }
  // Calls visit(Pfn, const PinnedFrame&) for each of a run, in no order. Looks into no table that holds none of the
  // run's blocks.
  template <class Visit>
  void for_each_in(Run<Pfn> run, Visit visit) const {
    if (tables_.empty() || run.empty()) return;
    const uint64_t first = run.first.block();
    const uint64_t blocks = (run.end - Pages{1}).block() - first + 1;
    for (uint64_t i = 0; i < std::min<uint64_t>(blocks, kTables); ++i) {
      for (const auto& [pfn, frame] : tables_[(first + i) % kTables]) {
        if (run.contains(Pfn{pfn})) visit(Pfn{pfn}, frame);
      }
    }
  }
  // Calls visit(Pfn, const PinnedFrame&) for each, in no order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Table& table : tables_) {
      for (const auto& [pfn, frame] : table) visit(Pfn{pfn}, frame);
    }
  }

 private:
  using Table = std::unordered_map<uint64_t, PinnedFrame>;
  static constexpr size_t kTables = 1024;

  // Neighbours are in one table.
  static size_t number_of(Pfn pfn) { return pfn.block() % kTables; }
  const Table& table_of(Pfn pfn) const { return tables_[number_of(pfn)]; }

  std::vector<Table> tables_;  // from the first pin
  uint64_t size_ = 0;
};

class Pins {
 public:
  using Serial = uint64_t;

  bool any() const { return frames_.size() != 0 || !speculative_.empty(); }

  void pin(Serial file, Index index, Pfn pfn);
  // Drops one pin from the oldest frame of the index. Returns false when there is none; `released` says whether the
  // frame was an orphan and has no pin left, then `frame` is its record.
  bool unpin(Serial file, Index index, Pfn& pfn, bool& released, PinnedFrame& frame);
  bool pinned(Pfn pfn) const { return frames_.contains(pfn); }
  // Pinned frames of a run, ascending.
  std::vector<uint64_t> pinned_in(Run<Pfn> run) const;
  bool file_has_pins(Serial file) const;
  // The page of this frame was freed: it has no owner but its pins. REQUIRES: pinned.
  void orphan(Pfn pfn, Mobility mobility, bool poisoned);
  const PinnedFrames& frames() const { return frames_; }

  void reference(Serial file, Index index, uint32_t tries);
  bool referenced(Serial file, Index index) const { return speculative_.contains({file, index.value}); }
  // Drops the speculative reference; false when there is none.
  bool dereference(Serial file, Index index) { return speculative_.erase({file, index.value}) != 0; }
  bool any_referenced(Serial file, Run<Index> run) const;
  // Lowest speculatively referenced index of the run; its end when there is none.
  Index first_referenced(Serial file, Run<Index> run) const;
  // Every speculative reference of the run loses a try.
  void attempt(Serial file, Run<Index> run);
  void forget_references(Serial file, Run<Index> run);

  uint64_t orphans() const { return orphans_; }

 private:
  using Key = std::pair<Serial, uint64_t>;
  struct IndexPin {
    Pfn pfn;
    uint64_t times;
  };

  std::map<Key, std::vector<IndexPin>> by_index_;
  PinnedFrames frames_;
  std::map<Key, uint32_t> speculative_;
  uint64_t orphans_ = 0;
};

}  // namespace gmem
