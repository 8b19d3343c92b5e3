// Prepare: clear what has no content, tell the RMP, mark (docs/semantics.md section 6, semantics-designs.md section
// 16).
#include <vector>

#include "core/engine.h"
#include "core/fault_locks.h"

namespace gmem {

using spec::Counter;

// The pfns of one block: every maximal run of unassigned ones gets entries, 2M where the pfn is aligned and 512 of the
// run remain. Where one is given up the entries of this call are made shared again.
bool Engine::hook_block(Lane& lane, Pfn first, uint32_t pages, Gfn gfn, uint16_t asid) {
  if (pages == kBlockPages && rmp_.block_unassigned(first.block())) return assign_2m(lane, first, gfn, asid);
  if (pages == 1) {
    RmpEntry entry;
    if (rmp_.lookup(first, entry) && entry.assigned) return true;
    return assign_4k(lane, first, gfn, asid);
  }
  // Of a block that is prepared already one word says so.
  if (rmp_.is_huge(first)) return true;
  const Bitmap512 before = rmp_.assigned(first.block());
  const uint32_t begin = first.in_block();
  for (uint32_t i = before.next_clear(begin); i < begin + pages; i = before.next_clear(i + 1)) {
    if (assign_4k(lane, Pfn::of_block(first.block(), i), gfn + Pages{i - begin}, asid)) continue;
    for (uint32_t undo = begin; undo < i; ++undo) {
      if (!before.test(undo)) make_shared(lane, Pfn::of_block(first.block(), undo));
    }
    return false;
  }
  return true;
}

// The arch hook over one page, a block, or the 512 blocks of a 1G folio.
bool Engine::prepare_hook(Lane& lane, Pfn first, uint32_t pages, Gfn gfn, uint16_t asid) {
  lane.count(Counter::kPrepares);
  if (pages <= kBlockPages) return hook_block(lane, first, pages, gfn, asid);
  // Blocks before the first that lacks an entry have nothing to undo.
  uint32_t begin = 0;
  while (begin < pages && rmp_.block_assigned((first + Pages{begin}).block())) begin += kBlockPages;
  std::vector<Bitmap512> before;
  for (uint32_t at = begin; at < pages; at += kBlockPages) {
    before.push_back(rmp_.assigned((first + Pages{at}).block()));
    if (hook_block(lane, first + Pages{at}, kBlockPages, gfn + Pages{at}, asid)) continue;
    before.pop_back();
    for (size_t block = 0; block < before.size(); ++block) {
      const Pfn start = first + Pages{begin + block * kBlockPages};
      if (rmp_.is_huge(start) && before[block].none()) make_shared(lane, start);
      for (uint32_t i = 0; !rmp_.is_huge(start) && i < kBlockPages; ++i) {
        RmpEntry entry;
        if (!before[block].test(i) && rmp_.lookup(start + Pages{i}, entry) && entry.assigned)
          make_shared(lane, start + Pages{i});
      }
    }
    return false;
  }
  return true;
}

// All 512 pages marked and, where a conversion can part the two, assigned.
bool Engine::block_ready(const File& file, uint64_t block, bool hook) const {
  if (file.pages.marked_count(block) != kBlockPages) return false;
  if (!hook || !in_place_) return true;
  return rmp_.block_assigned(file.pages.first_pfn(block).block());
}

// Marked and, for a private page on snp, assigned. REQUIRES: present.
bool Engine::prepared(const File& file, Index index) const {
  if (!file.pages.marked(index)) return false;
  if (!snp_ || (in_place_ && !index_private(file, index))) return true;
  RmpEntry entry;
  if (rmp_.lookup(file.pages.pfn(index), entry) && entry.assigned) return true;
  // By discard: a poisoned page that lost its entry. It needs none while its gfn is shared.
  return !in_place_ && !page_private(file, file.slot_at(index), index);
}

bool Engine::prepared_beside(Lane& lane, const File& file, Index index) const {
  const RmpLock rmp(lane, file.pages.pfn(index), !snp_);
  return prepared(file, index);
}

// REQUIRES: `pfn` is the page's frame.
Engine::Errno Engine::prepare_page(Lane& lane, File& file, const Slot& slot, Index index, Pfn pfn, bool hook) {
  const bool tracked = knobs_.preparedness != spec::Preparedness::kNone;
  const bool marked = file.pages.marked(index);
  if (marked && !hook) return spec::kOk;
  const RmpLock rmp(lane, pfn, !snp_);
  if (tracked && marked && (!in_place_ || prepared(file, index))) return spec::kOk;
  if (!marked) {
    if (arena_.enabled()) arena_.clear_page(pfn, lane.locks != nullptr);
    lane.count(Counter::kPagesCleared);
  }
  if (hook && !prepare_hook(lane, pfn, 1, slot.gfn_of(index), asid_of(file.vm))) return prepare_error();
  mark_page(file, index);
  return spec::kOk;
}

// The first fault of a 2M folio. REQUIRES: block_unmarked, and the folio holds the block.
Engine::Errno Engine::prepare_unmarked_block(Lane& lane, File& file, const Slot& slot, uint64_t block, bool hook) {
  const Pfn first = file.pages.first_pfn(block);
  if (arena_.enabled()) arena_.clear_block(first);
  lane.count(Counter::kPagesCleared, kBlockPages);
  if (hook && !prepare_hook(lane, first, kBlockPages, slot.gfn_of(Index::of_block(block)), asid_of(file.vm))) {
    return prepare_error();
  }
  file.pages.change(block).set_all_marked(true);
  return spec::kOk;
}

// REQUIRES: the range of 2^order pages around the index lies in one folio.
Engine::Errno Engine::prepare_huge(Lane& lane, File& file, const Slot& slot, Index index, uint32_t order, bool hook) {
  if (order == kOrder2m && file.pages.block_unmarked(index.block())) {
    return prepare_unmarked_block(lane, file, slot, index.block(), hook);
  }
  const bool tracked = knobs_.preparedness != spec::Preparedness::kNone;
  const uint64_t blocks = uint64_t{1} << (order - kBlockShift);
  const uint64_t first = index.block() & ~(blocks - 1);
  if (tracked || !hook) {
    bool ready = true;
    for (uint64_t block = first; ready && block < first + blocks; ++block) ready = block_ready(file, block, hook);
    if (ready) return spec::kOk;
  }
  for (uint64_t block = first; block < first + blocks; ++block) {
    const uint32_t unmarked = kBlockPages - file.pages.marked_count(block);
    if (unmarked == 0) continue;
    const Pfn pfn = file.pages.first_pfn(block);
    if (unmarked == kBlockPages) {
      arena_.clear_block(pfn);
    } else {
      const Bitmap512& marked = file.pages.lines().marked(file.pages.word(block).line());
      for (uint32_t i = marked.next_clear(0); i < kBlockPages; i = marked.next_clear(i + 1))
        arena_.clear_page(pfn + Pages{i});
    }
    lane.count(Counter::kPagesCleared, unmarked);
  }
  if (hook && !prepare_hook(lane, file.pages.first_pfn(first), static_cast<uint32_t>(blocks * kBlockPages),
                            slot.gfn_of(Index::of_block(first)), asid_of(file.vm))) {
    return prepare_error();
  }
  for (uint64_t block = first; block < first + blocks; ++block) {
    if (file.pages.marked_count(block) != kBlockPages) file.pages.mark_all(block);
  }
  return spec::kOk;
}

// `state-early`: the private, bound, unprepared present pages of the run are prepared now; a failing hook ends that,
// then false.
bool Engine::prepare_early(Lane& lane, File& file, Run<Index> run) {
  if (knobs_.preparedness != spec::Preparedness::kStateEarly) return true;
  for (Index index = run.first; index < run.end; index = index + Pages{1}) {
    if (!file.pages.present(index) || file.pages.poisoned(index)) continue;
    const Slot* slot = file.slot_at(index);
    if (slot == nullptr || !page_private(file, slot, index) || prepared_beside(lane, file, index)) continue;
    if (prepare(lane, file, *slot, index, mapping_order(*slot, file.pages, index), snp_) != spec::kOk) return false;
  }
  return true;
}

}  // namespace gmem
