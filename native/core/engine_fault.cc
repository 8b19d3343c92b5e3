// Faults: folio, prepare, stage-2 leaf (docs/semantics.md sections 5 and 6).
#include "core/engine.h"
#include "core/outcome.h"
#include "core/quantity.h"

namespace gmem {

using spec::Counter;

// --- kinds ---

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
  flip_kind(*vm, range.pages<Gfn>(), (op.flags & spec::kFlagPrivate) != 0);
  return spec::kOk;
}

// --- leaves ---

void Engine::zap_block(PageMap& pages, uint64_t block, const Bitmap512& mask) {
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
  for (uint64_t block = pages.next_touched(run.first.block(), end); block < end; block = pages.next_touched(block + 1, end)) {
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
  if (file.pages.word(block).has_line()) {
    Bitmap512& leaves = file.pages.lines().leaves(file.pages.word(block).line());
    count(Counter::kZaps4k, leaves.count());
    leaves.fill(false);
    file.pages.tidy(block);
  }
  file.pages.change(block).set_leaf_2m(true);
  count(Counter::kFaults2m);
  return level;
}

// --- folios ---

bool Engine::wants_huge(const File& file, uint64_t block) const {
  if (hugepages_now_ == spec::Hugepages::kOff || !file.block_inside(block) || !file.pages.block_empty(block)) return false;
  if (!knobs_.by_attributes) return true;
  const Slot* slot = file.slot_at(Index::of_block(block));
  return slot != nullptr && slot->block_mappable(block) && slot->kinds.uniform(slot->gfn_of(Index::of_block(block)).block());
}

[[gnu::noinline]] bool Engine::add_folio(File& file, Index index) {
  const uint64_t block = index.block();
  Pfn pfn;
  if (wants_huge(file, block)) {
    if (frames_.take_block(Mobility::kUnmovable, pfn)) {
      file.pages.change(block).set_huge(pfn.block());
      count(Counter::kFoliosAllocated2m);
      hold(kBlockPages);
      return true;
    }
    count(Counter::kFallbacks);
    if (!knobs_.fallback) return false;
    if (!frames_.take_page(Mobility::kUnmovable, pfn)) {
      count(Counter::kFallbacks);
      return false;
    }
  } else if (!frames_.take_page(Mobility::kUnmovable, pfn)) {
    count(Counter::kFallbacks);
    return false;
  }
  file.pages.lines().insert(file.pages.open_line(block), index.in_block(), pfn);
  count(Counter::kFoliosAllocated4k);
  hold(1);
  return true;
}

bool Engine::get_folio(File& file, Index index) { return file.pages.present(index) || add_folio(file, index); }

[[gnu::noinline]] bool Engine::get_copy(File& file, Index index) {
  if (!file.have_copy_map()) return false;
  PageMap& copies = *file.copies;
  if (copies.present(index)) return true;
  const uint64_t block = index.block();
  const bool thp = knobs_.shared_order == spec::SharedOrder::kThp && file.block_inside(block) && copies.block_empty(block);
  Pfn pfn;
  uint32_t pages = 1;
  if (thp && frames_.take_block(Mobility::kMovable, pfn)) {
    copies.change(block).set_huge(pfn.block());
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

// The arch hook over `pages` pfns from `first` (1, or a whole block): every maximal run of unassigned pfns gets entries, 2M
// where the pfn is aligned and 512 of the run remain. On failure the entries of this call are made shared again.
bool Engine::prepare_hook(Pfn first, uint32_t pages, Gfn gfn, uint16_t asid) {
  count(Counter::kPrepares);
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

void Engine::mark_page(File& file, Index index) {
  if (file.pages.marked(index)) return;
  const uint64_t block = index.block();
  file.pages.lines().marked(file.pages.open_line(block)).set(index.in_block());
  file.pages.tidy(block);
}

// REQUIRES: the page is present; order 9 only if a 2M folio holds the block.
Engine::Errno Engine::prepare(File& file, const Slot& slot, Index index, uint32_t order, bool hook) {
  const bool tracked = knobs_.preparedness != spec::Preparedness::kNone;
  const uint64_t block = index.block();
  const BlockWord word = file.pages.word(block);
  if (order == kOrder2m) {
    const uint32_t unmarked = word.all_marked() ? 0
                              : word.has_line() ? kBlockPages - file.pages.lines().marked(word.line()).count()
                                                : kBlockPages;
    if (tracked && unmarked == 0) return spec::kOk;
    const Pfn first = Pfn::of_block(word.pfn_block());
    if (unmarked == kBlockPages) {
      arena_.clear_block(first);
    } else if (unmarked != 0) {
      const Bitmap512& marked = file.pages.lines().marked(word.line());
      for (uint32_t i = marked.next_clear(0); i < kBlockPages; i = marked.next_clear(i + 1)) arena_.clear_page(first + Pages{i});
    }
    count(Counter::kPagesCleared, unmarked);
    if (hook && !prepare_hook(first, kBlockPages, slot.gfn_of(Index::of_block(block)), asid_of(file.vm))) {
      return knobs_.prepare_errno == spec::PrepareErrno::kEFAULT ? spec::kEFAULT : spec::kEINVAL;
    }
    if (unmarked != 0) {
      if (word.has_line()) {
        file.pages.lines().marked(word.line()).fill(true);
        file.pages.tidy(block);
      } else {
        file.pages.change(block).set_all_marked(true);
      }
    }
    return spec::kOk;
  }
  const bool marked = file.pages.marked(index);
  if (tracked && marked) return spec::kOk;
  const Pfn pfn = file.pages.pfn(index);
  if (!marked) {
    arena_.clear_page(pfn);
    count(Counter::kPagesCleared);
  }
  if (hook && !prepare_hook(pfn, 1, slot.gfn_of(index), asid_of(file.vm))) {
    return knobs_.prepare_errno == spec::PrepareErrno::kEFAULT ? spec::kEFAULT : spec::kEINVAL;
  }
  mark_page(file, index);
  return spec::kOk;
}

// --- faults ---

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
  const bool huge = file.pages.word(index.block()).huge() && slot.block_mappable(index.block());
  mapping.order = huge ? kOrder2m : kOrder4k;
  const bool assigned = snp_ && to_private;
  if (const Errno error = prepare(file, slot, index, mapping.order, assigned); error != spec::kOk) {
    if (error == spec::kEFAULT) exit = spec::Exit::kMemoryFault;
    return error;
  }
  mapping.pfn = file.pages.pfn(index);
  mapping.level = huge && slot.kinds.uniform(gfn.block()) ? kOrder2m : kOrder4k;
  if (assigned) {
    RmpEntry entry;
    if (!rmp_.lookup(mapping.pfn, entry) || !entry.assigned || entry.asid != asid_of(file.vm) || entry.gfn != gfn) {
      exit = spec::Exit::kRmpMismatch;
      return spec::kEFAULT;
    }
    if (!entry.huge) mapping.level = kOrder4k;
  }
  mapping.level = install_leaf(file, index, mapping.level, map);
  return spec::kOk;
}

Engine::Errno Engine::fault_copy(Slot& slot, Gfn gfn, bool map, Mapping& mapping) {
  File& file = *slot.file;
  const Index index = slot.index_of(gfn);
  if (!get_copy(file, index)) return spec::kENOMEM;
  const bool huge = file.copies->word(index.block()).huge() && slot.block_mappable(index.block());
  mapping.pfn = file.copies->pfn(index);
  mapping.order = huge ? kOrder2m : kOrder4k;
  const uint32_t level = huge && slot.kinds.uniform(gfn.block()) ? kOrder2m : kOrder4k;
  mapping.level = install_leaf(file, index, level, map);
  return spec::kOk;
}

Engine::Errno Engine::fault(Vm& vm, Slot* slot, Gfn gfn, bool to_private, bool map, Mapping& mapping, spec::Exit& exit) {
  if (is_private(vm, slot, gfn) != to_private) {
    exit = spec::Exit::kMemoryFault;
    return spec::kEFAULT;
  }
  if (slot == nullptr) {
    exit = to_private ? spec::Exit::kMemoryFault : spec::Exit::kMmio;
    return to_private ? spec::kEFAULT : spec::kOk;
  }
  if (to_private || slot->file->mmap) return fault_gmem(*slot, gfn, to_private, map, mapping, exit);
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
