// Private or shared, by gfn: the VM's memory attributes; and by index, for files converted in place.
//
// Stored where they are used. A bound gfn's kind is in its slot (KindMap): a word a 2M block of gfns, uniform or a line
// of bits. The kinds of unbound gfns that differ from the VM's initial kind are ranges of an ordered map (KindRanges),
// so that a flip of 2^40 unbound pages costs one entry. Binding moves kinds from the ranges into the slot, unbinding
// back: every gfn's kind is in exactly one place.
#pragma once

#include <cstdint>
#include <map>

#include "core/flag_map.h"
#include "core/units.h"

namespace gmem {

// Ranges of gfns. Always: disjoint, not touching, not empty.
class KindRanges {
 public:
  bool contains(Gfn gfn) const;
  // Adds the run and returns how many members are new.
  uint64_t add(Run<Gfn> run);
  // Removes the run and returns how many members it had.
  uint64_t remove(Run<Gfn> run);
  uint64_t count(Run<Gfn> run) const;
  // How far into the run one comes over so many ranges, their gaps included.
  Gfn reach(Run<Gfn> run, uint64_t ranges) const;
  // Calls visit(Run<Gfn>) for each part of a range inside `run`, ascending.
  template <class Visit>
  void for_each(Run<Gfn> run, Visit visit) const {
    if (run.empty()) return;
    for (auto it = first_overlapping(run.first.value); it != ends_.end() && it->first < run.end.value; ++it) {
      visit(Run<Gfn>{{it->first}, {it->second}}.clipped_to(run));
    }
  }

  // How many ranges there are.
  size_t size() const { return ends_.size(); }

 private:
  std::map<uint64_t, uint64_t>::const_iterator first_overlapping(uint64_t gfn) const;

  std::map<uint64_t, uint64_t> ends_;  // first gfn -> end
};

using KindMap = FlagMap<Gfn>;
using ShareMap = FlagMap<Index>;

}  // namespace gmem
