// Faults where nothing is unusual, in one piece. Of a mapped page: slot, kind and leaf are looked at once. The first
// one of a page: allocate, clear, assign, mark and map with one look at the block's word, the same as add_folio,
// prepare and install_leaf one after the other. Whatever is not plain is left to those, and nothing has changed by then
// but that the folio may be there. RMPUPDATE is the bare instruction here: all this is off while another processor may
// hold an entry (engine_rmp.cc).
#include "core/engine.h"
#include "core/fault_locks.h"
#include "core/outcome.h"

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
  PageLines& lines = file.pages.lines();
  const bool huge_first = hugepages_now_ != spec::Hugepages::kOff;
  if (word.has_line()) [[likely]] {
    const Bitmap512& present = lines.present(word.line());
    if (present.test(index.in_block()) || (huge_first && present.none())) return false;
  } else if (huge_first) {
    return false;
  }
  Pfn pfn;
  if (!(kBeside ? take_page_beside(lane, Mobility::kUnmovable, pfn) : frames_.take_page(Mobility::kUnmovable, pfn))) {
    return false;
  }
  const uint32_t line = hold_page(lane, file.pages, index, pfn, Mobility::kUnmovable);
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

template <bool kBeside>
[[gnu::always_inline]] inline bool Engine::fault_fresh(Lane& lane, const Slot& slot, Index index, bool assign,
                                                       Mapping& mapping) {
  const bool untouched = slot.file->pages.word(index.block()).untouched();
  if (untouched && hugepages_now_ != spec::Hugepages::kOff) {
    return fresh_blocks_ && fault_fresh_block<kBeside>(lane, slot, index, assign, mapping);
  }
  return fresh_pages_ && fault_fresh_page<kBeside>(lane, slot, index, assign, mapping);
}

// The first fault of a page that no leaf covers, if it is that simple; else false, and nothing has changed but that the
// folio may be there.
template <bool kBeside>
[[gnu::always_inline]] inline bool Engine::fault_simply(Lane& lane, Slot& slot, Gfn gfn, bool to_private,
                                                        Mapping& mapping) {
  if (!slot.file->open) return false;
  const SchemeLock scheme(lane, kBeside ? slot.file->scheme_lock : nullptr);
  return fault_fresh<kBeside>(lane, slot, slot.index_of(gfn), snp_ && to_private, mapping);
}

// The same where it is not, or may not be.
Engine::Errno Engine::fault_not_simple(Lane& lane, Slot& slot, Gfn gfn, bool to_private, bool map, Mapping& mapping) {
  if (lane.stop != Lane::Stop::kNo) [[unlikely]]
    return spec::kENOMEM;
  return fault_gmem(lane, slot, gfn, to_private, map, mapping);
}

template <bool kBeside>
[[gnu::noinline]] Engine::Errno Engine::fault_unmapped(Lane& lane, Slot& slot, Gfn gfn, bool to_private, bool map,
                                                       Mapping& mapping) {
  if (map && fault_simply<kBeside>(lane, slot, gfn, to_private, mapping)) return spec::kOk;
  return fault_not_simple(lane, slot, gfn, to_private, map, mapping);
}

template Engine::Errno Engine::fault_unmapped<false>(Lane&, Slot&, Gfn, bool, bool, Mapping&);
template Engine::Errno Engine::fault_unmapped<true>(Lane&, Slot&, Gfn, bool, bool, Mapping&);

namespace {
// Of the fault of an op whose address lies in a slot.
Gfn gfn_of(const spec::OpRecord& op) { return {static_cast<uint64_t>(static_cast<int64_t>(op.address)) >> kPageShift}; }
bool wants_private(const spec::OpRecord& op) { return (op.flags & spec::kFlagPrivate) != 0; }
bool wants_leaf(const spec::OpRecord& op) { return (op.flags & spec::kFlagNoMap) == 0; }
}  // namespace

// The same for an op. What is simple has a Mapping that no call sees: it stays in registers.
template <bool kBeside>
[[gnu::noinline]] Engine::Errno Engine::fault_first(Lane& lane, const spec::OpRecord& op, Slot& slot, Outcome& out) {
  Mapping mapping;
  if (!wants_leaf(op) || !fault_simply<kBeside>(lane, slot, gfn_of(op), wants_private(op), mapping)) [[unlikely]]
    return fault_rest(lane, op, slot, out);
  set_mapping(out, spec::kOk, mapping);
  return spec::kOk;
}

[[gnu::noinline]] Engine::Errno Engine::fault_rest(Lane& lane, const spec::OpRecord& op, Slot& slot, Outcome& out) {
  Mapping mapping;
  const Errno error = fault_not_simple(lane, slot, gfn_of(op), wants_private(op), wants_leaf(op), mapping);
  set_mapping(out, error, mapping);
  return error;
}

// The same for a touch of one page, of the kind that it has now.
template <bool kBeside>
[[gnu::noinline]] Engine::Errno Engine::touch_first(Lane& lane, const spec::OpRecord& op, Slot& slot, Outcome& out) {
  const bool to_private = page_of_slot_private(slot, gfn_of(op));
  if (!served_from_gmem(*slot.file, to_private)) [[unlikely]]
    return touch_pages(lane, op, out);
  Mapping mapping;
  if (fault_simply<kBeside>(lane, slot, gfn_of(op), to_private, mapping)) [[likely]]
    return spec::kOk;
  return touch_rest(lane, op, slot, to_private, out);
}

[[gnu::noinline]] Engine::Errno Engine::touch_rest(Lane& lane, const spec::OpRecord& op, Slot& slot, bool to_private,
                                                   Outcome& out) {
  Mapping mapping;
  const Errno error = fault_not_simple(lane, slot, gfn_of(op), to_private, true, mapping);
  if (error == spec::kOk && mapping.exit == spec::Exit::kNone) return spec::kOk;
  set_exit(out, mapping.exit);
  set_value(out, spec::kTouchDone, 0);
  return error;
}

template Engine::Errno Engine::touch_first<false>(Lane&, const spec::OpRecord&, Slot&, Outcome&);
template Engine::Errno Engine::touch_first<true>(Lane&, const spec::OpRecord&, Slot&, Outcome&);

// An op in a slot of a VM that runs. REQUIRES: its address lies in the slot. What it calls it calls last, so that a
// fault of a mapped page needs nothing but registers.
template <bool kBeside>
[[gnu::always_inline]] inline Engine::Errno Engine::fault_in(Lane& lane, const spec::OpRecord& op, Slot& slot,
                                                             Outcome& out) {
  const bool to_private = wants_private(op);
  if (page_of_slot_private(slot, gfn_of(op)) != to_private || !served_from_gmem(*slot.file, to_private)) [[unlikely]]
    return fault_anywhere(lane, op, out);
  Mapping mapping;
  if (!find_leaf(slot, gfn_of(op), to_private, mapping)) return fault_first<kBeside>(lane, op, slot, out);
  set_mapping(out, spec::kOk, mapping);
  return spec::kOk;
}

// Beside others, at a block that the lane does not hold yet.
[[gnu::noinline]] Engine::Errno Engine::fault_elsewhere(Lane& lane, const spec::OpRecord& op, const Slot& slot,
                                                        Outcome& out) {
  BlockLock(lane).hold(*slot.file, lock_range(slot.index_of(gfn_of(op))));
  return fault_beside(lane, op, out);
}

// Calls nothing but last, as fault_in does.
[[gnu::noinline]] Engine::Errno Engine::fault_beside(Lane& lane, const spec::OpRecord& op, Outcome& out) {
  Slot* slot = lane.running_slot(op.vm, op.address);
  if (slot == nullptr) [[unlikely]]
    return fault_anywhere(lane, op, out);
  if (!lane.holds(*slot->file, lock_range(slot->index_of(gfn_of(op))))) [[unlikely]]
    return fault_elsewhere(lane, op, *slot, out);
  return fault_in<true>(lane, op, *slot, out);
}

Engine::Errno Engine::fault_alone(Lane& lane, const spec::OpRecord& op, Outcome& out) {
  Slot* slot = lane.running_slot(op.vm, op.address);
  if (slot == nullptr) [[unlikely]]
    return fault_anywhere(lane, op, out);
  return fault_in<false>(lane, op, *slot, out);
}

}  // namespace gmem
