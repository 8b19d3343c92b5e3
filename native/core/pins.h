// Host references to pages: long-term pins (gup) and transient speculative ones.
//
// Stored: for each pinned index the frames pinned through it, oldest first, with how often; for each pinned frame the
// total and, once its page was freed, that it is an orphan; for each speculatively referenced index the tries left.
// Always: a frame's total is the sum over the indexes; an orphan's total is above zero; files are named by serial, so
// that a pin outlives its file.
#pragma once

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

class Pins {
 public:
  using Serial = uint64_t;

  bool any() const { return !frames_.empty() || !speculative_.empty(); }

  void pin(Serial file, Index index, Pfn pfn);
  // Drops one pin from the oldest frame of the index. Returns false when there is none; `released` says whether the
  // frame was an orphan and has no pin left, then `frame` is its record.
  bool unpin(Serial file, Index index, Pfn& pfn, bool& released, PinnedFrame& frame);
  bool pinned(Pfn pfn) const { return frames_.contains(pfn.value); }
  // Pinned frames of a run, ascending.
  std::vector<uint64_t> pinned_in(Run<Pfn> run) const;
  bool file_has_pins(Serial file) const;
  // The page of this frame was freed: it has no owner but its pins. REQUIRES: pinned.
  void orphan(Pfn pfn, Mobility mobility, bool poisoned);
  const std::unordered_map<uint64_t, PinnedFrame>& frames() const { return frames_; }

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
  std::unordered_map<uint64_t, PinnedFrame> frames_;
  std::map<Key, uint32_t> speculative_;
  uint64_t orphans_ = 0;
};

}  // namespace gmem
