#include "core/pins.h"

#include <algorithm>

namespace gmem {

void Pins::pin(Serial file, Index index, Pfn pfn) {
  std::vector<IndexPin>& list = by_index_[{file, index.value}];
  const auto known = std::find_if(list.begin(), list.end(), [&](const IndexPin& pin) { return pin.pfn == pfn; });
  if (known != list.end()) {
    ++known->times;
  } else {
    list.push_back({pfn, 1});
  }
  ++frames_.make(pfn).total;
}

bool Pins::unpin(Serial file, Index index, Pfn& pfn, bool& released, PinnedFrame& frame) {
  released = false;
  const auto found = by_index_.find({file, index.value});
  if (found == by_index_.end()) return false;
  std::vector<IndexPin>& list = found->second;
  pfn = list.front().pfn;
  if (--list.front().times == 0) list.erase(list.begin());
  if (list.empty()) by_index_.erase(found);
  PinnedFrame& record = frames_.at(pfn);
  if (--record.total == 0) {
    frame = record;
    released = frame.orphan;
    if (released) --orphans_;
    frames_.erase(pfn);
  }
  return true;
}

bool Pins::file_has_pins(Serial file) const {
  const auto it = by_index_.lower_bound({file, 0});
  return it != by_index_.end() && it->first.first == file;
}

void Pins::orphan(Pfn pfn, Mobility mobility, bool poisoned) {
  PinnedFrame& frame = frames_.at(pfn);
  frame.orphan = true;
  frame.poisoned = poisoned;
  frame.mobility = mobility;
  ++orphans_;
}

void Pins::reference(Serial file, Index index, uint32_t tries) {
  if (tries == 0) return;
  uint32_t& left = speculative_[{file, index.value}];
  left = std::max(left, tries);
}

bool Pins::any_referenced(Serial file, Run<Index> run) const { return first_referenced(file, run) < run.end; }

Index Pins::first_referenced(Serial file, Run<Index> run) const {
  const auto it = speculative_.lower_bound({file, run.first.value});
  return it != speculative_.end() && it->first < Key{file, run.end.value} ? Index{it->first.second} : run.end;
}

std::vector<uint64_t> Pins::pinned_in(Run<Pfn> run) const {
  std::vector<uint64_t> found;
  if (run.size().value < frames_.size()) {
    for (Pfn pfn = run.first; pfn < run.end; pfn = pfn + Pages{1}) {
      if (pinned(pfn)) found.push_back(pfn.value);
    }
    return found;
  }
  frames_.for_each_in(run, [&](Pfn pfn, const PinnedFrame&) { found.push_back(pfn.value); });
  std::sort(found.begin(), found.end());
  return found;
}

void Pins::attempt(Serial file, Run<Index> run) {
  auto it = speculative_.lower_bound({file, run.first.value});
  while (it != speculative_.end() && it->first < Key{file, run.end.value}) {
    it = --it->second == 0 ? speculative_.erase(it) : std::next(it);
  }
}

void Pins::forget_references(Serial file, Run<Index> run) {
  speculative_.erase(speculative_.lower_bound({file, run.first.value}),
                     speculative_.lower_bound({file, run.end.value}));
}

}  // namespace gmem
