#include "core/attributes.h"

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

void KindRanges::add(Run<Gfn> run) {
  if (run.empty()) return;
  remove(run);
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
}

KindMap::KindMap(KindLines& lines, Run<Gfn> slot)
    : lines_(&lines),
      slot_(slot),
      first_block_(slot.first.block()),
      words_((slot.end - Pages{1}).block() - slot.first.block() + 1) {}

KindMap::~KindMap() {
  for (uint64_t i = 0; i < words_.capacity(); ++i) {
    if (words_[i] < kFirstLine) continue;
    lines_->changed[words_[i] - kFirstLine].fill(false);
    lines_->numbers.give(words_[i] - kFirstLine);
  }
}

Bitmap512 KindMap::bits(uint64_t block) const {
  const uint32_t word = words_[block - first_block_];
  if (word >= kFirstLine) return lines_->changed[word - kFirstLine];
  Bitmap512 all;
  all.fill(word == kAllChanged);
  return all;
}

uint64_t KindMap::count_differing(Run<Gfn> run, bool changed) const {
  uint64_t n = 0;
  for (uint64_t block = run.first.block(); !run.empty() && block <= (run.end - Pages{1}).block(); ++block) {
    const Bitmap512 mask = block_mask(run, block);
    const Bitmap512 now = bits(block);
    n += (changed ? and_not(mask, now) : mask & now).count();
  }
  return n;
}

uint64_t KindMap::set(Run<Gfn> run, bool changed) {
  uint64_t n = 0;
  for (uint64_t block = run.first.block(); !run.empty() && block <= (run.end - Pages{1}).block(); ++block) {
    const Bitmap512 mask = block_mask(run, block);
    const Bitmap512 now = bits(block);
    const Bitmap512 differing = changed ? and_not(mask, now) : mask & now;
    if (differing.none()) continue;
    n += differing.count();
    const Bitmap512 next = changed ? now | mask : and_not(now, mask);
    uint32_t& word = words_[block - first_block_];
    if (next.none() || next.all()) {
      if (word >= kFirstLine) {
        lines_->changed[word - kFirstLine].fill(false);
        lines_->numbers.give(word - kFirstLine);
      }
      word = next.all() ? kAllChanged : kNoneChanged;
      continue;
    }
    if (word < kFirstLine) word = kFirstLine + lines_->numbers.take();
    lines_->changed[word - kFirstLine] = next;
  }
  return n;
}

}  // namespace gmem
