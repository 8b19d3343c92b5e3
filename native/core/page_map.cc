#include "core/page_map.h"

namespace gmem {

Bitmap512 PageMap::present_bits(uint64_t block) const {
  const BlockWord& word = words_[block];
  if (word.has_line() && !word.huge()) return lines_->present(word.line());
  Bitmap512 bits;
  bits.fill(word.huge());
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
  if (word.all_marked()) {
    lines_->marked(line).fill(true);
    word.set_all_marked(false);
  }
  word.set_line(line);
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
  word.clear_line();
  word.set_all_marked(all);
  lines_->give(line);
}

void PageMap::split_folio(uint64_t block) {
  const Pfn first = Pfn::of_block(words_[block].pfn_block());
  const uint32_t line = open_line(block);
  BlockWord& word = words_[block];
  word.clear_huge();
  word.set_ever_split();
  lines_->insert_run(line, first);
}

bool PageMap::contiguous(uint64_t block) const {
  const BlockWord& word = words_[block];
  if (word.huge() || !word.has_line() || !lines_->present(word.line()).all()) return false;
  const Pfn first = lines_->pfn(word.line(), 0);
  if (first.in_block() != 0) return false;
  for (uint32_t page = 1; page < kBlockPages; ++page) {
    if (lines_->pfn(word.line(), page) != first + Pages{page}) return false;
  }
  return true;
}

void PageMap::merge_folio(uint64_t block) {
  BlockWord& word = words_[block];
  const uint32_t line = word.line();
  const Pfn first = lines_->pfn(line, 0);
  lines_->remove_all(line);
  word.set_huge(first.block());
  word.set_ever_merged();
  tidy(block);
}

void PageMap::unpoison(Index index) {
  poisoned_.erase(index.value);
  const auto next = poisoned_.lower_bound(Index::of_block(index.block()).value);
  if (next == poisoned_.end() || *next >= Index::of_block(index.block() + 1).value) {
    words_[index.block()].set_poisoned(false);
  }
}

uint64_t PageMap::next_touched(uint64_t from, uint64_t end) const {
  if (from >= end) return end;
  const uint64_t region = regions_.next(from / kRegionBlocks);
  if (region == BitTree::kNone) return end;
  const uint64_t block = region * kRegionBlocks;
  return block <= from ? from : (block < end ? block : end);
}

}  // namespace gmem
