#include "core/attributes.h"

#include <algorithm>

namespace gmem {

std::map<uint64_t, uint64_t>::const_iterator KindRanges::first_overlapping(uint64_t gfn) const {
  auto it = ends_.upper_bound(gfn);
  if (it != ends_.begin()) {
    const auto before = std::prev(it);
    if (before->second > gfn) return before;
  }
  return it;
}

bool KindRanges::contains(Gfn gfn) const {
  const auto it = first_overlapping(gfn.value);
  return it != ends_.end() && it->first <= gfn.value;
}

uint64_t KindRanges::count(Run<Gfn> run) const {
  uint64_t n = 0;
  for_each(run, [&](Run<Gfn> part) { n += part.size().value; });
  return n;
}

Gfn KindRanges::reach(Run<Gfn> run, uint64_t ranges) const {
  auto it = first_overlapping(run.first.value);
  for (; ranges > 0 && it != ends_.end() && it->first < run.end.value; ++it) {
    if (--ranges == 0) return {std::min(it->second, run.end.value)};
  }
  return run.end;
}

uint64_t KindRanges::remove(Run<Gfn> run) {
  if (run.empty()) return 0;
  uint64_t removed = 0;
  auto it = first_overlapping(run.first.value);
  while (it != ends_.end() && it->first < run.end.value) {
    const uint64_t first = it->first;
    const uint64_t end = it->second;
    it = ends_.erase(it);
    if (first < run.first.value) ends_.emplace(first, run.first.value);
    if (end > run.end.value) it = ends_.emplace(run.end.value, end).first;
    removed += Run<Gfn>{{first}, {end}}.clipped_to(run).size().value;
  }
  return removed;
}

uint64_t KindRanges::add(Run<Gfn> run) {
  if (run.empty()) return 0;
  const uint64_t had = remove(run);
  uint64_t first = run.first.value;
  uint64_t end = run.end.value;
  auto after = ends_.lower_bound(first);
  if (after != ends_.begin()) {
    const auto before = std::prev(after);
    if (before->second == first) {
      first = before->first;
      ends_.erase(before);
    }
  }
  if (after != ends_.end() && after->first == end) {
    end = after->second;
    ends_.erase(after);
  }
  ends_.emplace(first, end);
  return run.size().value - had;
}

}  // namespace gmem
