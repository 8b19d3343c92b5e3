// The first fault of a page where nothing about it is unusual, in one piece: allocate, clear, assign, mark and map with
// one look at the block's word. The same as add_folio, prepare and install_leaf one after the other; whatever is not
// plain is left to those, and nothing has changed by then but that the folio may be there.
#include "core/engine.h"
#include "core/fault_locks.h"

namespace gmem {

using spec::Counter;

// A 2M folio for a block nothing was ever in. REQUIRES: fresh_blocks_, `word` of the block is untouched.
inline bool Engine::fault_fresh_block(Lane& lane, const Slot& slot, Index index, bool assign, Mapping& mapping) {
  File& file = *slot.file;
  const uint64_t block = index.block();
  const Gfn first_gfn = slot.gfn_of(Index::of_block(block));
  if (!slot.mappable(index, kOrder2m) || !file.block_inside(block) || !slot.kinds.uniform(first_gfn.block())) {
    return false;
  }
  Pfn first;
  if (!take_block(lane, Mobility::kUnmovable, first)) return false;
  BlockWord& word = file.pages.change(block);
  word.set_run(BlockWord::Held::k2m, first.block());
  lane.count(Counter::kFoliosAllocated2m);
  lane.hold(kBlockPages);
  if (assign) {
    if (rmp_.make_private_2m(first, first_gfn, asid_of(file.vm)) != RmpCode::kOk) return false;
    lane.count(Counter::kPrepares);
    lane.count(Counter::kRmpupdate2m);
  }
  if (arena_.enabled()) arena_.clear_block(first);
  word.set_all_marked(true);
  word.set_leaf_2m(true);
  lane.count(Counter::kPagesCleared, kBlockPages);
  lane.count(Counter::kFaults2m);
  mapping.pfn = first + Pages{index.in_block()};
  mapping.order = mapping.level = kOrder2m;
  return true;
}

// A 4K folio for a page of a block that no run holds. REQUIRES: fresh_pages_.
inline bool Engine::fault_fresh_page(Lane& lane, const Slot& slot, Index index, bool assign, Mapping& mapping) {
  File& file = *slot.file;
  const uint64_t block = index.block();
  const BlockWord word = file.pages.word(block);
  if (word.run() || word.poisoned()) return false;
  if (file.pages.present(index)) return false;
  if (hugepages_now_ != spec::Hugepages::kOff && file.pages.block_empty(block)) return false;
  Pfn pfn;
  if (!take_page(lane, Mobility::kUnmovable, pfn)) return false;
  PageLines& lines = file.pages.lines();
  const uint32_t line = file.pages.open_line(block);
  lines.insert(line, index.in_block(), pfn);
  lane.count(Counter::kFoliosAllocated4k);
  lane.hold(1);
  if (assign) {
    const RmpLock rmp(lane, pfn);
    if (rmp_.make_private_4k(pfn, slot.gfn_of(index), asid_of(file.vm)) != RmpCode::kOk) return false;
    lane.count(Counter::kPrepares);
    lane.count(Counter::kRmpupdate4k);
  }
  if (arena_.enabled()) arena_.clear_page(pfn, lane.locks != nullptr);
  lines.marked(line).set(index.in_block());
  lines.leaves(line).set(index.in_block());
  lane.count(Counter::kPagesCleared);
  lane.count(Counter::kFaults4k);
  mapping.pfn = pfn;
  mapping.order = mapping.level = kOrder4k;
  return true;
}

// The first fault of a page that no leaf covers, or a fault that is not that simple.
[[gnu::noinline]] Engine::Errno Engine::fault_unmapped(Lane& lane, Slot& slot, Gfn gfn, bool to_private, bool map,
                                                       Mapping& mapping) {
  if (map && slot.file->open) {
    const SchemeLock scheme(lane, lane.locks != nullptr ? scheme_lock(*slot.file) : nullptr);
    if (fault_fresh(lane, slot, slot.index_of(gfn), snp_ && to_private, mapping)) return spec::kOk;
  }
  if (lane.stop != Lane::Stop::kNo) [[unlikely]]
    return spec::kENOMEM;
  return fault_gmem(lane, slot, gfn, to_private, map, mapping);
}

}  // namespace gmem
