#include "core/page_map.h"

namespace gmem {

Bitmap512 PageMap::present_bits(uint64_t block) const {
  const BlockWord& word = words_[block];
  if (word.has_line() && !word.run()) return lines_->present(word.line());
  Bitmap512 bits;
  bits.fill(word.run());
  return bits;
}

Bitmap512 PageMap::marked_bits(uint64_t block) const {
  const BlockWord& word = words_[block];
  if (word.has_line()) return lines_->marked(word.line());
  Bitmap512 bits;
  bits.fill(word.all_marked());
  return bits;
}

uint32_t PageMap::make_line(uint64_t block) {
  BlockWord& word = change(block);
  const uint32_t line = lines_->take();
  if (word.run()) lines_->set_run_block(line, word.pfn_block());
  if (word.all_marked()) {
    lines_->marked(line).fill(true);
    word.set_all_marked(false);
  }
  word.set_line(line);
  return line;
}

uint32_t PageMap::open_pages(uint64_t block) {
  const uint32_t line = open_line(block);
  BlockWord& word = words_[block];
  if (word.run()) {
    lines_->insert_run(line, lines_->pfn(line, 0));
    word.clear_run();
  }
  return line;
}

void PageMap::tidy(uint64_t block) {
  BlockWord& word = words_[block];
  if (!word.has_line()) return;
  const uint32_t line = word.line();
  if (!lines_->leaves(line).none() || !lines_->present(line).none()) return;
  Bitmap512& marked = lines_->marked(line);
  const bool all = marked.all();
  if (!all && !marked.none()) return;
  marked.fill(false);
  word.clear_line(lines_->pfn(line, 0).block());
  word.set_all_marked(all);
  lines_->give(line);
}

void PageMap::mark_all(uint64_t block) {
  BlockWord& word = change(block);
  if (!word.has_line()) {
    word.set_all_marked(true);
    return;
  }
  lines_->marked(word.line()).fill(true);
  tidy(block);
}

void PageMap::unmark(uint64_t block, const Bitmap512& pages) {
  BlockWord& word = words_[block];
  if (word.all_marked() && pages.all()) {
    word.set_all_marked(false);
    return;
  }
  if (!word.all_marked() && !word.has_line()) return;
  Bitmap512& marked = lines_->marked(open_line(block));
  marked = and_not(marked, pages);
  tidy(block);
}

bool PageMap::contiguous(uint64_t block) const {
  const BlockWord& word = words_[block];
  if (word.run()) return word.held() != Held::k1g;
  if (!word.has_line() || !lines_->present(word.line()).all()) return false;
  const Pfn first = lines_->pfn(word.line(), 0);
  if (first.in_block() != 0) return false;
  for (uint32_t page = 1; page < kBlockPages; ++page) {
    if (lines_->pfn(word.line(), page) != first + Pages{page}) return false;
  }
  return true;
}

bool PageMap::region_of_runs(uint64_t first_block) const {
  const BlockWord* words = words_.data() + first_block;
  if (!words[0].run()) return false;
  const uint64_t base = first_pfn(first_block).block();
  bool all = true;
  // No way out in between: the loop is then one of vectors.
  for (uint64_t i = 0; i < kRegionBlocks; ++i) all &= words[i].plain_run_at(base + i);
  if (all) return true;
  for (uint64_t i = 0; i < kRegionBlocks; ++i) {
    if (!words[i].run() || words[i].poisoned() || first_pfn(first_block + i).block() != base + i) return false;
  }
  return true;
}

void PageMap::merge_block(uint64_t block, Held how) {
  BlockWord& word = words_[block];
  if (word.run()) {
    word.set_held(how);
    return;
  }
  const uint32_t line = word.line();
  const Pfn first = lines_->pfn(line, 0);
  lines_->present(line).fill(false);
  lines_->set_run_block(line, first.block());
  word.set_held(how);
  tidy(block);
}

void PageMap::unpoison(Index index) {
  poisoned_.erase(index.value);
  if (!any_poisoned({Index::of_block(index.block()), Index::of_block(index.block() + 1)})) {
    words_[index.block()].set_poisoned(false);
  }
}

uint64_t PageMap::unpoison_block(uint64_t block) {
  const auto end = poisoned_.lower_bound(Index::of_block(block + 1).value);
  uint64_t pages = 0;
  for (auto it = poisoned_.lower_bound(Index::of_block(block).value); it != end; ++pages) it = poisoned_.erase(it);
  words_[block].set_poisoned(false);
  return pages;
}

uint64_t PageMap::next_touched(uint64_t from, uint64_t end) const {
  if (from >= end) return end;
  const uint64_t region = touched_regions_.next(from / kRegionBlocks);
  if (region == BitTree::kNone) return end;
  const uint64_t block = region * kRegionBlocks;
  return block <= from ? from : (block < end ? block : end);
}

}  // namespace gmem
