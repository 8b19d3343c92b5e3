// The pages of one gmem file (or of its shared copies) by index: a word a 2M block, detail lines where pages differ,
// what is remembered of a block, a few flags a 1G region.
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
  using Held = BlockWord::Held;

  // Throws std::bad_alloc when the address space does not allow a file of this size.
  PageMap(PageLines& lines, Pages size, Growth growth = Growth::kWithUse)
      : lines_(&lines),
        words_((size.value + kBlockPages - 1) / kBlockPages, growth),
        histories_(words_.capacity()),
        regions_((size.value + kRegionPages - 1) / kRegionPages),
        touched_regions_(regions_.capacity()) {}

  const BlockWord& word(uint64_t block) const { return words_[block]; }
  const BlockWord* all_words() const { return words_.data(); }
  const RegionWord& region(uint64_t region) const { return regions_[region]; }
  RegionWord& change_region(uint64_t region) { return regions_[region]; }
  const BlockHistory& history(uint64_t block) const { return histories_[block]; }
  BlockHistory& change_history(uint64_t block) { return histories_[block]; }

  // Block words are handed out for change through here, so that the touched regions are known. A region is told of
  // once, and by lanes under the locks of different blocks.
  [[gnu::always_inline]] BlockWord& change(uint64_t block) {
    BlockWord& word = words_[block];
    if (word.untouched() && !touched_regions_.test_shared(block / kRegionBlocks)) [[unlikely]]
      touch_region(block);
    return word;
  }

  bool present(Index index) const {
    const BlockWord& word = words_[index.block()];
    return word.run() || (word.has_line() && lines_->present(word.line()).test(index.in_block()));
  }
  // REQUIRES: present.
  Pfn pfn(Index index) const {
    const BlockWord word = words_[index.block()];
    if (word.has_line()) return lines_->pfn(word.line(), index.in_block());
    return Pfn::of_block(word.pfn_block(), index.in_block());
  }
  bool marked(Index index) const {
    const BlockWord& word = words_[index.block()];
    return word.all_marked() || (word.has_line() && lines_->marked(word.line()).test(index.in_block()));
  }
  // The page's frame. Returns false when the page is absent.
  bool find(Index index, Pfn& pfn_of_page) const {
    const BlockWord word = words_[index.block()];
    if (!word.has_line()) {
      pfn_of_page = Pfn::of_block(word.pfn_block(), index.in_block());
      return word.run();
    }
    if (!word.run() && !lines_->present(word.line()).test(index.in_block())) return false;
    pfn_of_page = lines_->pfn(word.line(), index.in_block());
    return true;
  }
  // The page of a 4K or 2M folio under a leaf of that size, with no poison in its block: what nearly every access to a
  // mapped page finds, by one or two loads. False for anything else, mapped or not. For maps whose leaves are to pages
  // of their own.
  bool find_mapped(Index index, Pfn& pfn_of_page, uint32_t& order) const {
    const BlockWord word = words_[index.block()];
    if (word.mapped_2m_folio()) {
      order = kOrder2m;
      pfn_of_page = pfn(index);
      return true;
    }
    if (!word.small_with_line() || !lines_->leaves(word.line()).test(index.in_block())) return false;
    order = kOrder4k;
    pfn_of_page = lines_->pfn(word.line(), index.in_block());
    return true;
  }
  // The frames of some present pages of a block, in their order. Returns how many.
  uint32_t list_frames(uint64_t block, const Bitmap512& pages, Pfn (&frames)[kBlockPages]) const {
    uint32_t n = 0;
    for (uint32_t i = pages.next_set(0); i < kBlockPages; i = pages.next_set(i + 1)) {
      frames[n++] = pfn(Index::of_block(block, i));
    }
    return n;
  }
  // Order of the leaf over the page, or -1.
  int leaf_order(Index index) const {
    const BlockWord& word = words_[index.block()];
    if (word.leaf_2m()) return kOrder2m;
    if (word.has_line() && lines_->leaves(word.line()).test(index.in_block())) return kOrder4k;
    return regions_[index.block() / kRegionBlocks].leaf_1g ? static_cast<int>(kOrder1g) : -1;
  }

  bool block_empty(uint64_t block) const {
    const BlockWord& word = words_[block];
    return !word.run() && (!word.has_line() || lines_->present(word.line()).none());
  }
  // No page is marked, and there is no line that says so.
  bool block_unmarked(uint64_t block) const {
    const BlockWord word = words_[block];
    return !word.all_marked() && !word.has_line();
  }
  // The same, and no leaf lies over a page.
  bool block_unmarked_and_unmapped(uint64_t block) const {
    const BlockWord word = words_[block];
    if (word.all_marked() || word.leaf_2m()) return false;
    return !word.has_line() || (lines_->marked(word.line()).none() && lines_->leaves(word.line()).none());
  }
  // Removes the 4K leaf over the page. Returns false when there is none. REQUIRES: the block has a line.
  bool unmap_small(Index index) {
    uint64_t& leaves = lines_->leaves(words_[index.block()].line()).words[index.in_block() >> 6];
    const uint64_t leaf = uint64_t{1} << (index.in_block() & 63);
    if ((leaves & leaf) == 0) return false;
    leaves &= ~leaf;
    // Only the last leaf of 64 can have been what the line was kept for.
    if (leaves == 0) [[unlikely]]
      tidy(index.block());
    return true;
  }
  // Bits of the present, marked pages of a block.
  Bitmap512 present_bits(uint64_t block) const;
  Bitmap512 marked_bits(uint64_t block) const;
  uint32_t marked_count(uint64_t block) const {
    const BlockWord& word = words_[block];
    if (word.all_marked()) return kBlockPages;
    return word.has_line() ? lines_->marked(word.line()).count() : 0;
  }

  // The block's line, made if there is none. A run's uniform marks move into it.
  uint32_t open_line(uint64_t block) {
    const BlockWord& word = words_[block];
    return word.has_line() ? word.line() : make_line(block);
  }
  // The block's line with every present page in it: a run of 4K folios stops being one. REQUIRES: no folio above 4K.
  uint32_t open_pages(uint64_t block);

  // Gives the line back if the word alone can say it all.
  void tidy(uint64_t block);

  void mark(Index index) {
    const BlockWord word = words_[index.block()];
    if (word.all_marked()) return;
    const uint32_t line = word.has_line() ? word.line() : make_line(index.block());
    uint64_t& bits = lines_->marked(line).words[index.in_block() >> 6];
    bits |= uint64_t{1} << (index.in_block() & 63);
    // Only the last page of 64 can complete a block.
    if (bits == ~uint64_t{0}) [[unlikely]]
      tidy(index.block());
  }
  void mark_all(uint64_t block);
  void unmark(uint64_t block, const Bitmap512& pages);

  // Puts a folio into the block, of which no page is present.
  void hold_run(uint64_t block, Held how, uint64_t pfn_block) {
    BlockWord& word = change(block);
    if (!word.has_line()) {
      word.set_run(how, pfn_block);
      return;
    }
    lines_->set_run_block(word.line(), pfn_block);
    word.set_held(how);
  }
  // Turns the 2M folio, or the piece of what was a 1G folio, into 512 4K folios. REQUIRES: huge.
  void split_block(uint64_t block) { words_[block].set_held(Held::kSmallRun); }
  // Turns 512 4K folios into a 2M folio, or with `how` into a piece of a 1G folio. REQUIRES: contiguous(block).
  void merge_block(uint64_t block, Held how);
  // The same for a whole region of blocks. REQUIRES: runs of one 1G range of frames, in order: a folio, or what was
  // one.
  void hold_region(uint64_t first_block, Held how) {
    for (uint64_t i = 0; i < kRegionBlocks; ++i) words_[first_block + i].set_held(how);
  }
  // All blocks of the region are runs without poison, in order from the pfn block of the first. False says
  // nothing: lines may be just as contiguous.
  bool region_of_runs(uint64_t first_block) const;
  // All 512 pages present, with contiguous pfns from a 2M boundary, and no folio reaches beyond the block.
  bool contiguous(uint64_t block) const;
  // REQUIRES: contiguous. First pfn of the block.
  Pfn first_pfn(uint64_t block) const { return pfn(Index::of_block(block)); }

  // Poison, by index.
  bool poisoned(Index index) const { return words_[index.block()].poisoned() && poisoned_.contains(index.value); }
  void poison(Run<Index> run) {
    const auto behind = poisoned_.lower_bound(run.end.value);
    for (Index index = run.first; index < run.end; index = index + Pages{1}) {
      poisoned_.insert(behind, index.value);
      if (index == run.first || index.in_block() == 0) change(index.block()).set_poisoned(true);
    }
  }
  void unpoison(Index index);
  // Of all pages of the block. Returns how many there were.
  uint64_t unpoison_block(uint64_t block);
  bool any_poisoned(Run<Index> run) const {
    Index first;
    return first_poisoned(run, first);
  }
  // The first of the run, if there is one.
  bool first_poisoned(Run<Index> run, Index& first) const {
    const auto it = poisoned_.lower_bound(run.first.value);
    if (it == poisoned_.end() || *it >= run.end.value) return false;
    first = {*it};
    return true;
  }
  const std::set<uint64_t>& poisoned_indexes() const { return poisoned_; }

  // What an access to the page will look at (lookahead.h): its block's word, what the word names, what that names.
  [[gnu::always_inline]] void prefetch_word(uint64_t block) const { words_.prefetch(block); }
  [[gnu::always_inline]] void prefetch_line(Index index) const {
    const BlockWord word = words_[index.block()];
    if (word.has_line()) lines_->prefetch(word.line());
  }
  [[gnu::always_inline]] void prefetch_pfn(Index index) const {
    const BlockWord word = words_[index.block()];
    if (word.has_line() && !word.run()) lines_->prefetch_pfn(word.line(), index.in_block());
  }

  // Threads will walk all over the file.
  void expect_all() { words_.expect_all(words_.capacity()); }
  bool all_expected() const { return words_.expected(words_.capacity()); }

  // Lowest block at or after `from`, below `end`, whose region was ever touched; `end` when there is none.
  uint64_t next_touched(uint64_t from, uint64_t end) const;

  PageLines& lines() const { return *lines_; }
  uint64_t blocks() const { return words_.capacity(); }

 private:
  static constexpr uint64_t kRegionPages = uint64_t{kRegionBlocks} * kBlockPages;

  [[gnu::noinline]] void touch_region(uint64_t block) {
    words_.expect(block);
    touched_regions_.set_shared(block / kRegionBlocks);
  }
  [[gnu::noinline]] uint32_t make_line(uint64_t block);

  PageLines* lines_;
  VirtualArray<BlockWord> words_;
  VirtualArray<BlockHistory> histories_;
  VirtualArray<RegionWord> regions_;
  BitTree touched_regions_;
  std::set<uint64_t> poisoned_;
};

}  // namespace gmem
