// Private or shared, by gfn: the VM's memory attributes.
//
// Stored where they are used. A bound gfn's kind is in its slot (KindMap): a word a 2M block of gfns, uniform or a line of
// bits. The kinds of unbound gfns that differ from the VM's initial kind are ranges of an ordered map (KindRanges), so that a
// flip of 2^40 unbound pages costs one entry. Binding moves kinds from the ranges into the slot, unbinding back: every
// gfn's kind is in exactly one place.
#pragma once

#include <cstdint>
#include <map>

#include "core/bitmap512.h"
#include "core/line_store.h"
#include "core/units.h"
#include "core/virtual_array.h"

namespace gmem {

// Ranges of gfns. Always: disjoint, not touching, not empty.
class KindRanges {
 public:
  bool contains(Gfn gfn) const;
  void add(Run<Gfn> run);
  // Removes the run and returns how many members it had.
  uint64_t remove(Run<Gfn> run);
  uint64_t count(Run<Gfn> run) const;
  // Calls visit(Run<Gfn>) for each part of a range inside `run`, ascending.
  template <class Visit>
  void for_each(Run<Gfn> run, Visit visit) const {
    if (run.empty()) return;
    for (auto it = first_overlapping(run.first.value); it != ends_.end() && it->first < run.end.value; ++it) {
      visit(Run<Gfn>{{it->first}, {it->second}}.clipped_to(run));
    }
  }

 private:
  std::map<uint64_t, uint64_t>::const_iterator first_overlapping(uint64_t gfn) const;

  std::map<uint64_t, uint64_t> ends_;  // first gfn -> end
};

// Lines of all KindMaps of an engine.
struct KindLines {
  KindLines() : changed(kMostLines) {}
  LineNumbers numbers;
  VirtualArray<Bitmap512> changed;
};

// Which gfns of a slot differ from the VM's initial kind.
class KindMap {
 public:
  // Throws std::bad_alloc when the address space does not allow it.
  KindMap(KindLines& lines, Run<Gfn> slot);
  KindMap(const KindMap&) = delete;
  KindMap& operator=(const KindMap&) = delete;
  ~KindMap();

  bool changed(Gfn gfn) const {
    const uint32_t word = words_[gfn.block() - first_block_];
    if (word < kFirstLine) return word == kAllChanged;
    return lines_->changed[word - kFirstLine].test(gfn.in_block());
  }

  // All 512 gfns of the block are of one kind. REQUIRES: the block lies wholly inside the slot.
  bool uniform(uint64_t gfn_block) const { return words_[gfn_block - first_block_] < kFirstLine; }

  // Sets a run inside the slot. Returns how many gfns it changed.
  uint64_t set(Run<Gfn> run, bool changed);
  // Gfns in the run whose state differs from `changed`.
  uint64_t count_differing(Run<Gfn> run, bool changed) const;
  // Calls visit(Run<Gfn>) for maximal changed runs inside a block, ascending.
  template <class Visit>
  void for_each_changed(Visit visit) const {
    for (uint64_t block = slot_.first.block(); slot_.first < slot_.end && block <= (slot_.end - Pages{1}).block(); ++block) {
      const uint32_t word = words_[block - first_block_];
      if (word == kNoneChanged) continue;
      if (word == kAllChanged) {
        visit(Run<Gfn>{Gfn::of_block(block), Gfn::of_block(block + 1)}.clipped_to(slot_));
        continue;
      }
      const Bitmap512& bits = lines_->changed[word - kFirstLine];
      for (uint32_t i = bits.next_set(0); i < kBlockPages;) {
        const uint32_t end = bits.next_clear(i);
        visit(Run<Gfn>{Gfn::of_block(block, i), Gfn::of_block(block, end)});
        i = bits.next_set(end);
      }
    }
  }

 private:
  static constexpr uint32_t kNoneChanged = 0;
  static constexpr uint32_t kAllChanged = 1;
  static constexpr uint32_t kFirstLine = 2;

  Bitmap512 bits(uint64_t block) const;

  KindLines* lines_;
  Run<Gfn> slot_;
  uint64_t first_block_;
  VirtualArray<uint32_t> words_;
};

}  // namespace gmem
