// Faults: folio, prepare, stage-2 leaf (docs/semantics.md sections 5 and 6).
#include <vector>

#include "core/engine.h"
#include "core/outcome.h"
#include "core/quantity.h"

namespace gmem {

using spec::Counter;

// --- kinds ---

// Kind of an index: of its bound gfn by attribute, of its own in place. REQUIRES: `slot` is what binds it, or null.
bool Engine::page_private(const File& file, const Slot* slot, Index index) const {
  if (in_place_) return index_private(file, index);
  return slot != nullptr ? initially_private_ != slot->kinds.flagged(slot->gfn_of(index)) : initially_private_;
}

// In place: the private indexes of a block, those beyond the file included.
Bitmap512 Engine::private_bits(const File& file, uint64_t block) const {
  const Bitmap512 changed = file.changed_kinds->bits(block);
  if (!file.initially_private) return changed;
  Bitmap512 all;
  all.fill(true);
  return and_not(all, changed);
}

uint64_t Engine::count_differing(const Vm& vm, Run<Gfn> run, bool to_private) const {
  const bool changed = to_private != initially_private_;
  uint64_t unbound = 0;
  uint64_t differing = 0;
  Gfn at = run.first;
  for (size_t i = vm.first_slot_above(run.first); i < vm.by_gfn.size() && vm.by_gfn[i]->gfns.first < run.end; ++i) {
    const Slot& slot = *vm.by_gfn[i];
    const Run<Gfn> part = slot.gfns.clipped_to(run);
    unbound += (part.first - at).value;
    differing += slot.kinds.count_differing(part, changed);
    at = part.end;
  }
  unbound += (run.end - at).value;
  // Bound gfns are never in the ranges, so the count over the whole run is that of its unbound gfns.
  const uint64_t unbound_changed = vm.changed_kinds.count(run);
  return differing + (changed ? unbound - unbound_changed : unbound_changed);
}

void Engine::set_kind(Vm& vm, Run<Gfn> run, bool to_private) {
  const bool changed = to_private != initially_private_;
  const auto set_unbound = [&](Run<Gfn> gap) {
    if (gap.empty()) return;
    if (changed) {
      vm.changed_kinds.add(gap);
    } else {
      vm.changed_kinds.remove(gap);
    }
  };
  Gfn at = run.first;
  for (size_t i = vm.first_slot_above(run.first); i < vm.by_gfn.size() && vm.by_gfn[i]->gfns.first < run.end; ++i) {
    Slot& slot = *vm.by_gfn[i];
    const Run<Gfn> part = slot.gfns.clipped_to(run);
    set_unbound({at, part.first});
    slot.kinds.set(part, changed);
    at = part.end;
  }
  set_unbound({at, run.end});
}

void Engine::zap_gfns(Vm& vm, Run<Gfn> run) {
  for (size_t i = vm.first_slot_above(run.first); i < vm.by_gfn.size() && vm.by_gfn[i]->gfns.first < run.end; ++i) {
    Slot& slot = *vm.by_gfn[i];
    zap(slot.file->pages, slot.indexes_of(slot.gfns.clipped_to(run)));
  }
}

// Returns how many gfns changed kind; if none did, nothing was touched.
uint64_t Engine::flip_kind(Vm& vm, Run<Gfn> run, bool to_private) {
  const uint64_t differing = count_differing(vm, run, to_private);
  if (differing == 0) return 0;
  zap_gfns(vm, run);
  set_kind(vm, run, to_private);
  return differing;
}

Engine::Errno Engine::op_attributes(const spec::OpRecord& op) {
  Vm* vm = live_vm(op.vm);
  if (vm == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned()) return spec::kEINVAL;
  if (in_place_) return spec::kEOPNOTSUPP;
  flip_kind(*vm, range.pages<Gfn>(), (op.flags & spec::kFlagPrivate) != 0);
  return spec::kOk;
}

// --- leaves ---

// A 1G leaf over the block goes whole.
void Engine::zap_larger_leaf(PageMap& pages, uint64_t block) {
  const uint64_t region = block / kRegionBlocks;
  if (!pages.region(region).leaf_1g) return;
  pages.change_region(region).leaf_1g = false;
  count(Counter::kZaps1g);
}

void Engine::zap_block(PageMap& pages, uint64_t block, const Bitmap512& mask) {
  zap_larger_leaf(pages, block);
  const BlockWord& word = pages.word(block);
  if (word.leaf_2m()) {
    pages.change(block).set_leaf_2m(false);
    count(Counter::kZaps2m);
  } else if (word.has_line()) {
    Bitmap512& leaves = pages.lines().leaves(word.line());
    const uint32_t removed = (leaves & mask).count();
    if (removed == 0) return;
    leaves = and_not(leaves, mask);
    count(Counter::kZaps4k, removed);
    pages.tidy(block);
  }
}

void Engine::zap(PageMap& pages, Run<Index> run) {
  if (run.empty()) return;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = pages.next_touched(run.first.block(), end); block < end;
       block = pages.next_touched(block + 1, end)) {
    if (!pages.word(block).untouched()) zap_block(pages, block, block_mask(run, block));
  }
}

// Returns the level at which the page is mapped, or would be.
uint32_t Engine::install_leaf(File& file, Index index, uint32_t level, bool map) {
  const int covering = file.pages.leaf_order(index);
  if (covering >= static_cast<int>(level)) return static_cast<uint32_t>(covering);
  if (!map) return level;
  const uint64_t block = index.block();
  if (level == kOrder4k) {
    file.pages.lines().leaves(file.pages.open_line(block)).set(index.in_block());
    count(Counter::kFaults4k);
    return level;
  }
  Bitmap512 everything;
  everything.fill(true);
  if (level == kOrder2m) {
    zap_block(file.pages, block, everything);
    file.pages.change(block).set_leaf_2m(true);
    count(Counter::kFaults2m);
    return level;
  }
  const uint64_t region = block / kRegionBlocks;
  for (uint64_t i = 0; i < kRegionBlocks; ++i) zap_block(file.pages, region * kRegionBlocks + i, everything);
  file.pages.change_region(region).leaf_1g = true;
  count(Counter::kFaults1g);
  return level;
}

// --- folios ---

bool Engine::wants_huge(const File& file, uint64_t block) const {
  if (hugepages_now_ == spec::Hugepages::kOff || !file.block_inside(block) || !file.pages.block_empty(block))
    return false;
  if (!knobs_.by_attributes) return true;
  const Index first = Index::of_block(block);
  const Slot* slot = file.slot_at(first);
  return slot != nullptr && slot->mappable(first, kOrder2m) && slot->kinds.uniform(slot->gfn_of(first).block());
}

// The lowest free huge page of the pool. Returns false when a split it needs at once is refused.
bool Engine::add_pool_folio(File& file, Index index) {
  const uint64_t pages = uint64_t{1} << huge_order_;
  const Index first{index.value & ~(pages - 1)};
  bool split = false;
  if (!natural_) {
    for (uint64_t block = first.block(); !split && block < first.block() + huge_blocks(); ++block) {
      split = !private_bits(file, block).all();
    }
  }
  if (split && !vmemmap_available(1)) return false;
  Pfn pfn;
  if (!pool_.take(pfn)) {
    count(Counter::kFallbacks);
    return false;
  }
  --file.reserved_huge_pages;
  const bool giant = huge_order_ == kOrder1g;
  for (uint64_t i = 0; i < huge_blocks(); ++i) {
    file.pages.change(first.block() + i).set_run(giant ? BlockWord::Held::k1g : BlockWord::Held::k2m, pfn.block() + i);
  }
  count(giant ? Counter::kFoliosAllocated1g : Counter::kFoliosAllocated2m);
  ++unsplit_huge_;
  hold(pages);
  if (!split) return true;
  uint64_t splits = 0;
  for (uint64_t block = first.block(); block < first.block() + huge_blocks(); ++block) {
    Bitmap512 all;
    all.fill(true);
    const Bitmap512 shared = and_not(all, private_bits(file, block));
    if (!shared.none()) split_for_shared(file, block, shared, splits);
  }
  return true;
}

[[gnu::noinline]] bool Engine::add_folio(File& file, Index index, bool early) {
  const uint64_t block = index.block();
  if (knobs_.source == spec::Source::kPool) {
    if (!add_pool_folio(file, index)) return false;
    const uint64_t pages = uint64_t{1} << huge_order_;
    const Index first{index.value & ~(pages - 1)};
    if (early) prepare_early(file, {first, first + Pages{pages}});
    return true;
  }
  Pfn pfn;
  if (wants_huge(file, block)) {
    if (frames_.take_block(Mobility::kUnmovable, pfn)) {
      file.pages.change(block).set_run(BlockWord::Held::k2m, pfn.block());
      count(Counter::kFoliosAllocated2m);
      hold(kBlockPages);
      if (in_place_ && !natural_ && !private_bits(file, block).all()) split_2m(file, block);
      if (early) prepare_early(file, {Index::of_block(block), Index::of_block(block + 1)});
      return true;
    }
    count(Counter::kFallbacks);
    if (!knobs_.fallback) return false;
  }
  if (!frames_.take_page(Mobility::kUnmovable, pfn)) {
    count(Counter::kFallbacks);
    return false;
  }
  file.pages.lines().insert(file.pages.open_line(block), index.in_block(), pfn);
  count(Counter::kFoliosAllocated4k);
  hold(1);
  if (early) prepare_early(file, {index, index + Pages{1}});
  return true;
}

bool Engine::get_folio(File& file, Index index, bool early) {
  return file.pages.present(index) || add_folio(file, index, early);
}

[[gnu::noinline]] bool Engine::get_copy(File& file, Index index) {
  if (!file.have_copy_map()) return false;
  PageMap& copies = *file.copies;
  if (copies.present(index)) return true;
  const uint64_t block = index.block();
  const bool thp =
      knobs_.shared_order == spec::SharedOrder::kThp && file.block_inside(block) && copies.block_empty(block);
  Pfn pfn;
  uint32_t pages = 1;
  if (thp && frames_.take_block(Mobility::kMovable, pfn)) {
    copies.change(block).set_run(BlockWord::Held::k2m, pfn.block());
    pages = kBlockPages;
  } else if (frames_.take_page(Mobility::kMovable, pfn)) {
    copies.lines().insert(copies.open_line(block), index.in_block(), pfn);
  } else {
    return false;
  }
  count(Counter::kPagesCleared, pages);
  copy_pages_ += pages;
  peak(Counter::kSharedCopyPagesPeak, copy_pages_);
  hold(pages);
  return true;
}

// --- prepare ---

// The pfns of one block: every maximal run of unassigned ones gets entries, 2M where the pfn is aligned and 512 of the
// run remain. On failure the entries of this call are made shared again.
bool Engine::hook_block(Pfn first, uint32_t pages, Gfn gfn, uint16_t asid) {
  if (pages == kBlockPages && rmp_.block_unassigned(first.block())) {
    if (rmp_.make_private_2m(first, gfn, asid) == RmpCode::kOk) {
      count(Counter::kRmpupdate2m);
      return true;
    }
    count(Counter::kRmpupdateFailed);
    return false;
  }
  const Bitmap512 before = rmp_.assigned(first.block());
  const uint32_t begin = first.in_block();
  for (uint32_t i = begin; i < begin + pages; ++i) {
    if (before.test(i)) continue;
    if (rmp_.make_private_4k(Pfn::of_block(first.block(), i), gfn + Pages{i - begin}, asid) == RmpCode::kOk) {
      count(Counter::kRmpupdate4k);
      continue;
    }
    count(Counter::kRmpupdateFailed);
    for (uint32_t undo = begin; undo < i; ++undo) {
      if (!before.test(undo)) make_shared(Pfn::of_block(first.block(), undo));
    }
    return false;
  }
  return true;
}

// The arch hook over one page, a block, or the 512 blocks of a 1G folio.
bool Engine::prepare_hook(Pfn first, uint32_t pages, Gfn gfn, uint16_t asid) {
  count(Counter::kPrepares);
  if (pages <= kBlockPages) return hook_block(first, pages, gfn, asid);
  std::vector<Bitmap512> before;
  for (uint32_t at = 0; at < pages; at += kBlockPages) {
    before.push_back(rmp_.assigned((first + Pages{at}).block()));
    if (hook_block(first + Pages{at}, kBlockPages, gfn + Pages{at}, asid)) continue;
    before.pop_back();
    for (size_t block = 0; block < before.size(); ++block) {
      const Pfn start = first + Pages{block * kBlockPages};
      if (rmp_.is_huge(start) && before[block].none()) make_shared(start);
      for (uint32_t i = 0; !rmp_.is_huge(start) && i < kBlockPages; ++i) {
        RmpEntry entry;
        if (!before[block].test(i) && rmp_.lookup(start + Pages{i}, entry) && entry.assigned)
          make_shared(start + Pages{i});
      }
    }
    return false;
  }
  return true;
}

void Engine::mark_page(File& file, Index index) {
  if (file.pages.marked(index)) return;
  const uint64_t block = index.block();
  file.pages.lines().marked(file.pages.open_line(block)).set(index.in_block());
  file.pages.tidy(block);
}

// All 512 pages marked and, where a conversion can part the two, assigned.
bool Engine::block_ready(const File& file, uint64_t block, bool hook) const {
  if (file.pages.marked_count(block) != kBlockPages) return false;
  if (!hook || !in_place_) return true;
  return rmp_.is_huge(file.pages.first_pfn(block)) || rmp_.assigned(file.pages.first_pfn(block).block()).all();
}

// Marked and, for a private page on snp, assigned. REQUIRES: present.
bool Engine::prepared(const File& file, Index index) const {
  if (!file.pages.marked(index)) return false;
  if (!snp_ || !in_place_ || !index_private(file, index)) return true;
  RmpEntry entry;
  return rmp_.lookup(file.pages.pfn(index), entry) && entry.assigned;
}

Engine::Errno Engine::prepare_page(File& file, const Slot& slot, Index index, bool hook) {
  const bool tracked = knobs_.preparedness != spec::Preparedness::kNone;
  const bool marked = file.pages.marked(index);
  if (marked && !hook) return spec::kOk;
  if (tracked && marked && (!in_place_ || prepared(file, index))) return spec::kOk;
  const Pfn pfn = file.pages.pfn(index);
  if (!marked) {
    arena_.clear_page(pfn);
    count(Counter::kPagesCleared);
  }
  if (hook && !prepare_hook(pfn, 1, slot.gfn_of(index), asid_of(file.vm))) return prepare_error();
  mark_page(file, index);
  return spec::kOk;
}

// REQUIRES: the range of 2^order pages around the index lies in one folio.
Engine::Errno Engine::prepare(File& file, const Slot& slot, Index index, uint32_t order, bool hook) {
  if (order == kOrder4k) return prepare_page(file, slot, index, hook);
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
    count(Counter::kPagesCleared, unmarked);
  }
  if (hook && !prepare_hook(file.pages.first_pfn(first), static_cast<uint32_t>(blocks * kBlockPages),
                            slot.gfn_of(Index::of_block(first)), asid_of(file.vm))) {
    return prepare_error();
  }
  for (uint64_t block = first; block < first + blocks; ++block) {
    if (file.pages.marked_count(block) != kBlockPages) file.pages.mark_all(block);
  }
  return spec::kOk;
}

// `state-early`: the private, bound, unprepared present pages of the run are prepared now; a failing hook ends that.
void Engine::prepare_early(File& file, Run<Index> run) {
  if (knobs_.preparedness != spec::Preparedness::kStateEarly) return;
  for (Index index = run.first; index < run.end; index = index + Pages{1}) {
    if (!file.pages.present(index) || file.pages.poisoned(index)) continue;
    const Slot* slot = file.slot_at(index);
    if (slot == nullptr || !page_private(file, slot, index) || prepared(file, index)) continue;
    if (prepare(file, *slot, index, mapping_order(*slot, file.pages, index), snp_) != spec::kOk) return;
  }
}

// --- faults ---

// Order of the mapping and prepare range of a present page: inside folio and window, gfn and index congruent, and in
// place of one kind.
uint32_t Engine::mapping_order(const Slot& slot, const PageMap& pages, Index index) const {
  const BlockWord& word = pages.word(index.block());
  if (!word.huge()) return kOrder4k;
  const bool by_kind = in_place_ && !one_table_;
  const ShareMap* kinds = slot.file->changed_kinds.get();
  if (word.held() == BlockWord::Held::k1g && slot.mappable(index, kOrder1g)) {
    const uint64_t first = index.block() / kRegionBlocks * kRegionBlocks;
    if (!by_kind || kinds->uniform(first, kRegionBlocks)) return kOrder1g;
  }
  if (!slot.mappable(index, kOrder2m)) return kOrder4k;
  return !by_kind || kinds->uniform(index.block()) ? kOrder2m : kOrder4k;
}

Engine::Errno Engine::fault_gmem(Slot& slot, Gfn gfn, bool to_private, bool map, Mapping& mapping, spec::Exit& exit) {
  File& file = *slot.file;
  if (!file.open) {
    exit = spec::Exit::kMemoryFault;
    return spec::kEFAULT;
  }
  const Index index = slot.index_of(gfn);
  if (!get_folio(file, index)) return spec::kENOMEM;
  if (file.pages.poisoned(index)) {
    exit = spec::Exit::kMemoryFault;
    return spec::kEHWPOISON;
  }
  mapping.order = mapping_order(slot, file.pages, index);
  const bool assigned = snp_ && to_private;
  if (const Errno error = prepare(file, slot, index, mapping.order, assigned); error != spec::kOk) {
    if (error == spec::kEFAULT) exit = spec::Exit::kMemoryFault;
    return error;
  }
  mapping.pfn = file.pages.pfn(index);
  mapping.level = mapping.order;
  if (!in_place_ && mapping.level == kOrder2m && !slot.kinds.uniform(gfn.block())) mapping.level = kOrder4k;
  if (assigned) {
    RmpEntry entry;
    if (!rmp_.lookup(mapping.pfn, entry) || !entry.assigned || entry.asid != asid_of(file.vm) || entry.gfn != gfn) {
      exit = spec::Exit::kRmpMismatch;
      return spec::kEFAULT;
    }
    const uint32_t rmp_order = entry.huge ? kOrder2m : kOrder4k;
    if (mapping.level > rmp_order) mapping.level = rmp_order;
  }
  mapping.level = install_leaf(file, index, mapping.level, map);
  return spec::kOk;
}

Engine::Errno Engine::fault_copy(Slot& slot, Gfn gfn, bool map, Mapping& mapping) {
  File& file = *slot.file;
  const Index index = slot.index_of(gfn);
  if (!get_copy(file, index)) return spec::kENOMEM;
  mapping.pfn = file.copies->pfn(index);
  mapping.order = mapping_order(slot, *file.copies, index);
  const uint32_t level = slot.kinds.uniform(gfn.block()) ? mapping.order : kOrder4k;
  mapping.level = install_leaf(file, index, level, map);
  return spec::kOk;
}

Engine::Errno Engine::fault(Vm& vm, Slot* slot, Gfn gfn, bool to_private, bool map, Mapping& mapping,
                            spec::Exit& exit) {
  if (is_private(vm, slot, gfn) != to_private) {
    exit = spec::Exit::kMemoryFault;
    return spec::kEFAULT;
  }
  if (slot == nullptr) {
    exit = to_private ? spec::Exit::kMemoryFault : spec::Exit::kMmio;
    return to_private ? spec::kEFAULT : spec::kOk;
  }
  if (served_from_gmem(*slot->file, to_private)) return fault_gmem(*slot, gfn, to_private, map, mapping, exit);
  return fault_copy(*slot, gfn, map, mapping);
}

Engine::Errno Engine::op_fault(const spec::OpRecord& op, Outcome& out) {
  Vm* vm = live_vm(op.vm);
  if (vm == nullptr) return spec::kEBADF;
  const Gfn gfn{static_cast<uint64_t>(quantity(op.address) >> kPageShift)};
  Mapping mapping;
  spec::Exit exit = spec::Exit::kNone;
  const Errno error = fault(*vm, vm->slot_at(gfn), gfn, (op.flags & spec::kFlagPrivate) != 0,
                            (op.flags & spec::kFlagNoMap) == 0, mapping, exit);
  set_exit(out, exit);
  if (error != spec::kOk || exit == spec::Exit::kMmio) return error;
  set_value(out, spec::kFaultPfn, static_cast<double>(mapping.pfn.value));
  set_value(out, spec::kFaultOrder, mapping.order);
  set_value(out, spec::kFaultLevel, mapping.level);
  return spec::kOk;
}

}  // namespace gmem
