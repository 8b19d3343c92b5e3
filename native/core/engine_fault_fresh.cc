// The first fault of a page where nothing about it is unusual, in one piece: allocate, clear, assign, mark and map with
// one look at the block's word. The same as add_folio, prepare and install_leaf one after the other; whatever is not
// plain is left to those, and nothing has changed by then but that the folio may be there. RMPUPDATE is the bare
// instruction here: all this is off while another processor may hold an entry (engine_rmp.cc).
#include "core/engine.h"
#include "core/fault_locks.h"

namespace gmem {

using spec::Counter;

// A 2M folio for a block nothing was ever in. REQUIRES: fresh_blocks_, `word` of the block is untouched.
template <bool kBeside>
[[gnu::always_inline]] inline bool Engine::fault_fresh_block(Lane& lane, const Slot& slot, Index index, bool assign,
                                                             Mapping& mapping) {
  File& file = *slot.file;
  const uint64_t block = index.block();
  const Gfn first_gfn = slot.gfn_of(Index::of_block(block));
  if (!slot.mappable(index, kOrder2m) || !file.block_inside(block) || !slot.kinds.uniform(first_gfn.block())) {
    return false;
  }
  Pfn first;
  if (!(kBeside ? take_block_beside(lane, Mobility::kUnmovable, first)
                : frames_.take_block(Mobility::kUnmovable, first))) {
    return false;
  }
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
template <bool kBeside>
[[gnu::always_inline]] inline bool Engine::fault_fresh_page(Lane& lane, const Slot& slot, Index index, bool assign,
                                                            Mapping& mapping) {
  File& file = *slot.file;
  const uint64_t block = index.block();
  const BlockWord word = file.pages.word(block);
  if (word.run() || word.poisoned()) return false;
  if (file.pages.present(index)) return false;
  if (hugepages_now_ != spec::Hugepages::kOff && file.pages.block_empty(block)) return false;
  Pfn pfn;
  if (!(kBeside ? take_page_beside(lane, Mobility::kUnmovable, pfn) : frames_.take_page(Mobility::kUnmovable, pfn))) {
    return false;
  }
  PageLines& lines = file.pages.lines();
  const uint32_t line = file.pages.open_line(block);
  lines.insert(line, index.in_block(), pfn);
  lane.count(Counter::kFoliosAllocated4k);
  lane.hold(1);
  if (assign) {
    const RmpLock rmp(lane, pfn, !kBeside);
    if (rmp_.make_private_4k(pfn, slot.gfn_of(index), asid_of(file.vm)) != RmpCode::kOk) return false;
    lane.count(Counter::kPrepares);
    lane.count(Counter::kRmpupdate4k);
  }
  if (arena_.enabled()) arena_.clear_page(pfn, kBeside);
  lines.marked(line).set(index.in_block());
  lines.leaves(line).set(index.in_block());
  lane.count(Counter::kPagesCleared);
  lane.count(Counter::kFaults4k);
  mapping.pfn = pfn;
  mapping.order = mapping.level = kOrder4k;
  return true;
}

// The first fault of a page that no leaf covers, or a fault that is not that simple.
template <bool kBeside>
[[gnu::noinline]] Engine::Errno Engine::fault_unmapped(Lane& lane, Slot& slot, Gfn gfn, bool to_private, bool map,
                                                       Mapping& mapping) {
  if (map && slot.file->open) {
    const SchemeLock scheme(lane, kBeside ? slot.file->scheme_lock : nullptr);
    if (fault_fresh<kBeside>(lane, slot, slot.index_of(gfn), snp_ && to_private, mapping)) return spec::kOk;
  }
  if (kBeside && lane.stop != Lane::Stop::kNo) [[unlikely]]
    return spec::kENOMEM;
  return fault_gmem(lane, slot, gfn, to_private, map, mapping);
}

template Engine::Errno Engine::fault_unmapped<false>(Lane&, Slot&, Gfn, bool, bool, Mapping&);
template Engine::Errno Engine::fault_unmapped<true>(Lane&, Slot&, Gfn, bool, bool, Mapping&);

}  // namespace gmem
