// The pages of one gmem file (or of its shared copies) by index: a word a 2M block, detail lines where pages differ.
//
// The map knows folios, marks, leaves and poison; it frees nothing and counts nothing. Word transitions keep the
// invariants of block_word.h; `tidy` folds a line that says nothing more than the word could.
#pragma once

#include <cstdint>
#include <set>

#include "core/bit_tree.h"
#include "core/block_word.h"
#include "core/page_lines.h"
#include "core/units.h"
#include "core/virtual_array.h"

namespace gmem {

class PageMap {
 public:
  // Throws std::bad_alloc when the address space does not allow a file of this size.
  PageMap(PageLines& lines, Pages size)
      : lines_(&lines),
        words_((size.value + kBlockPages - 1) / kBlockPages),
        regions_((size.value + kRegionPages - 1) / kRegionPages) {}

  const BlockWord& word(uint64_t block) const { return words_[block]; }

  // Block words are handed out for change through here, so that the touched regions are known.
  BlockWord& change(uint64_t block) {
    BlockWord& word = words_[block];
    if (word.untouched() && !regions_.test(block / kRegionBlocks)) regions_.set(block / kRegionBlocks);
    return word;
  }

  bool present(Index index) const {
    const BlockWord& word = words_[index.block()];
    return word.huge() || (word.has_line() && lines_->present(word.line()).test(index.in_block()));
  }
  // REQUIRES: present.
  Pfn pfn(Index index) const {
    const BlockWord& word = words_[index.block()];
    if (word.huge()) return Pfn::of_block(word.pfn_block(), index.in_block());
    return lines_->pfn(word.line(), index.in_block());
  }
  bool marked(Index index) const {
    const BlockWord& word = words_[index.block()];
    return word.all_marked() || (word.has_line() && lines_->marked(word.line()).test(index.in_block()));
  }
  // Order of the leaf over the page, or -1.
  int leaf_order(Index index) const {
    const BlockWord& word = words_[index.block()];
    if (word.leaf_2m()) return kOrder2m;
    return word.has_line() && lines_->leaves(word.line()).test(index.in_block()) ? kOrder4k : -1;
  }

  bool block_empty(uint64_t block) const {
    const BlockWord& word = words_[block];
    return !word.huge() && (!word.has_line() || lines_->present(word.line()).none());
  }
  // Bits of the present, marked pages of a block.
  Bitmap512 present_bits(uint64_t block) const;
  Bitmap512 marked_bits(uint64_t block) const;

  // The block's line, made if there is none. A 2M folio's uniform marks move into it.
  uint32_t open_line(uint64_t block) {
    const BlockWord& word = words_[block];
    return word.has_line() ? word.line() : make_line(block);
  }

  // Gives the line back if the word alone can say it all.
  void tidy(uint64_t block);

  // Turns the 2M folio into 512 4K folios, lazily: one line. REQUIRES: huge, no 2M leaf.
  void split_folio(uint64_t block);
  // Turns 512 4K folios with contiguous aligned pfns into a 2M folio. REQUIRES: mergeable(block).
  void merge_folio(uint64_t block);
  // All 512 pages present as 4K folios, with contiguous pfns from a 2M boundary.
  bool contiguous(uint64_t block) const;

  // Poison, by index.
  bool poisoned(Index index) const { return words_[index.block()].poisoned() && poisoned_.contains(index.value); }
  void poison(Index index) {
    poisoned_.insert(index.value);
    change(index.block()).set_poisoned(true);
  }
  void unpoison(Index index);
  const std::set<uint64_t>& poisoned_indexes() const { return poisoned_; }

  // Lowest block at or after `from`, below `end`, whose region was ever touched; `end` when there is none.
  uint64_t next_touched(uint64_t from, uint64_t end) const;

  PageLines& lines() const { return *lines_; }
  uint64_t blocks() const { return words_.capacity(); }

 private:
  static constexpr uint64_t kRegionPages = uint64_t{kRegionBlocks} * kBlockPages;

  [[gnu::noinline]] uint32_t make_line(uint64_t block);

  PageLines* lines_;
  VirtualArray<BlockWord> words_;
  BitTree regions_;
  std::set<uint64_t> poisoned_;
};

}  // namespace gmem
