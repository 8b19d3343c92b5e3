// Giving pages back: folios, huge pages of the pool, shared copies, and what the RMP and the retained pages need then
// (docs/semantics.md section 8, semantics-designs.md sections 14 and 19).
#include "core/engine.h"

namespace gmem {

using spec::Counter;

// Frees a whole huge page of the pool, however it is split. `first_block`: of its range of indexes.
void Engine::free_huge_page(File& file, uint64_t first_block, PunchResult& result) {
  const Pfn first = file.pages.first_pfn(first_block);
  const uint64_t pages = uint64_t{1} << huge_order_;
  const Run<Index> range{Index::of_block(first_block), Index::of_block(first_block) + Pages{pages}};
  Bitmap512 all;
  all.fill(true);
  uint64_t poisoned = 0;
  bool split = false;
  for (uint64_t block = first_block; block < first_block + huge_blocks(); ++block) {
    const BlockWord word = file.pages.word(block);
    if (snp_) share_in_rmp(file, block, all);
    switch (word.held()) {
      case BlockWord::Held::k1g:
        break;
      case BlockWord::Held::k2m:
        split = split || huge_order_ != kOrder2m;
        count(Counter::kFoliosFreed2m);
        break;
      default:
        split = true;
        count(Counter::kFoliosFreed4k, kBlockPages);
        break;
    }
    if (block == first_block && word.held() == BlockWord::Held::k1g) count(Counter::kFoliosFreed1g);
    if (word.poisoned()) poisoned += file.pages.unpoison_block(block);
    file.pages.unmark(block, all);
    BlockWord& changed = file.pages.change(block);
    if (!changed.run()) file.pages.lines().remove_all(changed.line());
    changed.clear_run();
    file.pages.tidy(block);
  }
  pins_.forget_references(file.serial, range);
  --(split ? lane_.split_huge : lane_.unsplit_huge);
  release_huge_page(file, first, poisoned);
  result.freed += pages;
}

// The contents of a huge page that is about to be freed go first, bit by bit: the machine takes a while to take back
// 1 GiB. False when the run was told to end; what is left then reads as zero in part, as all of it would have been
// gone.
bool Engine::drop_contents(const File& file, uint64_t first_block) {
  const Pfn first = file.pages.first_pfn(first_block);
  for (uint64_t block = 0; arena_.enabled() && block < huge_blocks(); ++block) {
    if ((block & 15) == 0 && lane_.interrupted()) return false;
    arena_.drop_block(first + Pages{block << kBlockShift});
  }
  return true;
}

// Gives back every page of a file that closes; fewer when the run was told to end.
void Engine::free_everything(File& file) {
  PunchResult ignored;
  if (knobs_.source != spec::Source::kPool) {
    punch(file, file.all());
    return;
  }
  if (!zap(lane_, file, file.all())) return;
  const uint64_t end = file.pages.blocks();
  for (uint64_t block = file.pages.next_touched(0, end); block < end;
       block = file.pages.next_touched(block + huge_blocks(), end)) {
    if (lane_.interrupted()) return;
    if (file.pages.block_empty(block)) continue;
    if (!drop_contents(file, block)) return;
    free_huge_page(file, block, ignored);
  }
}

// The RMP entries of these pages of a block become shared: a 2M entry all of whose pages are among them takes one 2M
// update, else it is smashed and every assigned page takes a 4K one.
void Engine::share_in_rmp(const File& file, uint64_t block, const Bitmap512& pages) {
  const uint32_t first = pages.next_set(0);
  if (first == kBlockPages) return;
  const Pfn first_pfn = file.pages.pfn(Index::of_block(block, first));
  if (rmp_.is_huge(first_pfn)) {
    if (pages.all()) {
      make_shared(lane_, first_pfn);
      return;
    }
    smash(first_pfn);
  }
  constexpr uint32_t kWordAhead = 24;  // pages
  constexpr uint32_t kLineAhead = 12;
  Pfn frames[kBlockPages];
  const uint32_t count = file.pages.list_frames(block, pages, frames);
  for (uint32_t i = 0; i < count; ++i) {
    // Frames in a row are in one line of the table.
    if (i + kWordAhead < count && frames[i + kWordAhead].block() != frames[i + kWordAhead - 1].block()) {
      rmp_.prefetch_word(frames[i + kWordAhead]);
    }
    if (i + kLineAhead < count && frames[i + kLineAhead].block() != frames[i + kLineAhead - 1].block()) {
      rmp_.prefetch_line(frames[i + kLineAhead]);
    }
    if (rmp_.is_assigned(frames[i])) make_shared(lane_, frames[i]);
  }
}

// Covered pages of a unit that stays: shared in the RMP, zero, unmarked. A poisoned page is not written to.
void Engine::zero_pages(File& file, uint64_t block, const Bitmap512& mask, PunchResult& result) {
  Bitmap512 pages = file.pages.present_bits(block) & mask;
  if (pages.none()) return;
  if (snp_) share_in_rmp(file, block, pages);
  for (uint32_t i = pages.next_set(0); i < kBlockPages; i = pages.next_set(i + 1)) {
    const Index index = Index::of_block(block, i);
    if (file.pages.poisoned(index)) {
      pages.clear(i);
    } else {
      arena_.clear_page(file.pages.pfn(index));
    }
  }
  const uint32_t zeroed = pages.count();
  count(Counter::kPagesCleared, zeroed);
  result.zeroed += zeroed;
  file.pages.unmark(block, pages);
}

// Frees the 2M folio of the block, of buddy memory.
void Engine::free_folio(File& file, uint64_t block, PunchResult& result) {
  const BlockWord word = file.pages.word(block);
  const Pfn first = file.pages.first_pfn(block);
  const Run<Index> range{Index::of_block(block), Index::of_block(block + 1)};
  Bitmap512 all;
  all.fill(true);
  if (snp_) share_in_rmp(file, block, all);
  pins_.forget_references(file.serial, range);
  if (word.poisoned()) {
    for (uint32_t i = 0; i < kBlockPages; ++i) {
      const Index index = Index::of_block(block, i);
      const bool poisoned = file.pages.poisoned(index);
      if (poisoned) file.pages.unpoison(index);
      release_frame(first + Pages{i}, Mobility::kUnmovable, poisoned);
    }
  } else {
    release_block(first, Mobility::kUnmovable);
  }
  file.pages.unmark(block, all);
  file.pages.change(block).clear_run();
  file.pages.tidy(block);
  forget_retained(file, block, all);
  count(Counter::kFoliosFreed2m);
  result.freed += kBlockPages;
}

// Frees 4K folios of the block, of buddy memory. REQUIRES: all of `leaving` are present, no larger folio holds the
// block.
void Engine::free_pages(File& file, uint64_t block, const Bitmap512& leaving, PunchResult& result) {
  PageLines& lines = file.pages.lines();
  const uint32_t line = file.pages.open_pages(block);
  if (snp_) share_in_rmp(file, block, leaving);
  if (file.pages.word(block).poisoned() || pins_.any()) {
    for (uint32_t i = leaving.next_set(0); i < kBlockPages; i = leaving.next_set(i + 1)) {
      const Index index = Index::of_block(block, i);
      const bool poisoned = file.pages.poisoned(index);
      if (poisoned) file.pages.unpoison(index);
      pins_.dereference(file.serial, index);
      release_frame(lines.pfn(line, i), Mobility::kUnmovable, poisoned);
    }
  } else {
    release_healthy(file.pages, block, leaving, Mobility::kUnmovable);
  }
  lines.present(line) = and_not(lines.present(line), leaving);
  lines.marked(line) = and_not(lines.marked(line), leaving);
  file.pages.tidy(block);
  forget_retained(file, block, leaving);
  const uint32_t freed = leaving.count();
  count(Counter::kFoliosFreed4k, freed);
  result.freed += freed;
}

// Private pages that a conversion to shared left in place.
void Engine::retain(File& file, Run<Index> run) {
  if (!file.retained) return;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = file.pages.next_touched(run.first.block(), end); block < end;
       block = file.pages.next_touched(block + 1, end)) {
    if (lane_.interrupted()) break;
    retained_pages_ += file.retained->set(block, file.pages.present_bits(block) & block_mask(run, block), true);
  }
  peak(Counter::kRetainedPagesPeak, retained_pages_);
}

void Engine::forget_retained(File& file, uint64_t block, const Bitmap512& pages) {
  if (file.retained) retained_pages_ -= file.retained->set(block, pages, false);
}

// Drops the shared copies of a run: memory of the VMM, so no folio counters. False when the run was told to end.
bool Engine::drop_copies(File& file, Run<Index> wanted) {
  if (!file.copies) return true;
  PageMap& copies = *file.copies;
  const Run<Index> run = wanted.clipped_to(file.all());
  if (run.empty()) return true;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = copies.next_touched(run.first.block(), end); block < end;
       block = copies.next_touched(block + 1, end)) {
    if (lane_.interrupted()) return false;
    const Bitmap512 mask = block_mask(run, block);
    const BlockWord word = copies.word(block);
    if (word.huge()) {
      if (mask.all()) {
        release_block(copies.first_pfn(block), Mobility::kMovable);
        copies.change(block).clear_run();
        lane_.copy_pages -= kBlockPages;
        continue;
      }
      copies.split_block(block);
    }
    const Bitmap512 leaving = copies.present_bits(block) & mask;
    if (leaving.none()) continue;
    const uint32_t line = copies.open_pages(block);
    release_healthy(copies, block, leaving, Mobility::kMovable);
    lane_.copy_pages -= leaving.count();
    Bitmap512& present = copies.lines().present(line);
    present = and_not(present, leaving);
    copies.tidy(block);
  }
  return true;
}

}  // namespace gmem
