// convert, populate, finalize, validate (docs/semantics.md sections 9 and 10).
#include "core/engine.h"
#include "core/outcome.h"
#include "core/quantity.h"

namespace gmem {

using spec::Counter;

Engine::Errno Engine::op_convert(const spec::OpRecord& op, Outcome& out) {
  Vm* vm = live_vm(op.vm);
  if (vm == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned()) return spec::kEINVAL;
  const Run<Gfn> run = range.pages<Gfn>();
  const bool to_private = (op.flags & spec::kFlagPrivate) != 0;
  const auto content = static_cast<spec::Content>(static_cast<uint8_t>(op.arg));
  if (in_place_) {
    Gfn at = run.first;
    while (at < run.end) {
      const Slot* slot = lane_.slot_at(*vm, at);
      if (slot == nullptr) return spec::kEINVAL;
      at = slot->gfns.end;
    }
    if (!content_supported(*vm, content, to_private)) return spec::kEOPNOTSUPP;
  } else if (content != spec::Content::kUnspecified) {
    return spec::kEOPNOTSUPP;
  }
  count(Counter::kConverts);
  if (arch_ != spec::Arch::kPkvm) count(Counter::kExits);
  if (in_place_) return convert_in_place(*vm, run, to_private, content, out);
  convert_by_discard(*vm, run, to_private, out);
  return spec::kOk;
}

void Engine::convert_by_discard(Vm& vm, Run<Gfn> run, bool to_private, Outcome& out) {
  const uint64_t changed = flip_kind(vm, run, to_private);
  count(Counter::kConvertedPages, changed);
  if (lane_.stop != Lane::Stop::kNo) return;
  PunchResult result;
  for (size_t i = vm.first_slot_above(run.first); i < vm.by_gfn.size() && vm.by_gfn[i]->gfns.first < run.end; ++i) {
    Slot& slot = *vm.by_gfn[i];
    File& file = *slot.file;
    const Run<Index> indexes = slot.indexes_of(slot.gfns.clipped_to(run));
    if (to_private) {
      if (file.retained) {
        by_parts(indexes, [&](Run<Index> some) { retained_pages_ -= file.retained->set(some, false); });
      }
      if (!knobs_.keep_shared) drop_copies(file, indexes);
    } else if (file.open) {
      const Run<Index> hole = knobs_.punch == spec::Punch::kRefuse ? whole_huge_ranges(file, indexes) : indexes;
      const PunchResult part = punch(file, vmm_hole(file, hole));
      result.split += part.split;
      retain(file, indexes);
    }
    if (lane_.stop != Lane::Stop::kNo) return;
  }
  set_value(out, spec::kConvertChanged, static_cast<double>(changed));
  set_value(out, spec::kConvertSplit, static_cast<double>(result.split));
  set_value(out, spec::kConvertMerged, 0);
}

Engine::Errno Engine::op_finalize(uint32_t number) {
  Vm* vm = live_vm(number);
  if (vm == nullptr) return spec::kEBADF;
  if (vm->finalized) return spec::kEINVAL;
  vm->finalized = true;
  vm->runs = true;
  return spec::kOk;
}

Engine::Errno Engine::op_populate(const spec::OpRecord& op, Outcome& out) {
  Vm* vm = live_vm(op.vm);
  if (vm == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned() || vm->finalized) return spec::kEINVAL;
  const Run<Gfn> run = range.pages<Gfn>();
  Slot* slot = lane_.slot_at(*vm, run.first);
  if (slot == nullptr) return spec::kEINVAL;
  if (!slot->file->open) return spec::kEFAULT;
  const Gfn end = run.clipped_to(slot->gfns).end;
  uint64_t done = 0;
  for (Gfn gfn = run.first; gfn < end; gfn = run.first + Pages{done}) {
    if (lane_.interrupted()) {
      if (done > 0) vm->launching = true;
      return spec::kOk;
    }
    const Errno error = populate_step(*vm, *slot, gfn, end, op, done);
    if (error == spec::kOk) continue;
    if (done == 0) return error;
    break;
  }
  vm->launching = true;
  set_value(out, spec::kPopulateDone, static_cast<double>(done));
  return spec::kOk;
}

// One step at `gfn`; adds the pages it did to `done`.
Engine::Errno Engine::populate_step(Vm& vm, Slot& slot, Gfn gfn, Gfn end, const spec::OpRecord& op, uint64_t& done) {
  const bool absent = (op.flags & spec::kFlagAbsent) != 0;
  const bool tracked = knobs_.preparedness != spec::Preparedness::kNone;
  if (knobs_.lock == spec::Lock::kMainline && absent) return spec::kENOMEM;
  File& file = *slot.file;
  const Index index = slot.index_of(gfn);
  if (!get_folio(lane_, file, index, false)) return spec::kENOMEM;
  if (file.pages.poisoned(index)) return spec::kEHWPOISON;
  if (tracked && prepared(file, index)) return spec::kEEXIST;
  if (!is_private(vm, &slot, gfn)) return spec::kEINVAL;

  const uint64_t block = index.block();
  const bool whole = !tdx_ && mapping_order(slot, file.pages, index) != kOrder4k && gfn.in_block() == 0 &&
                     gfn + Pages{kBlockPages} <= end;
  const bool huge = whole && (in_place_ ? private_bits(file, block).all() : slot.kinds.uniform(gfn.block()));
  const uint32_t pages = huge ? kBlockPages : 1;
  const Pfn first = file.pages.pfn(index);
  if (huge) {
    for (uint32_t i = 0; tracked && i < kBlockPages; ++i) {
      if (prepared(file, index + Pages{i})) return spec::kEEXIST;
    }
    if (snp_ && !rmp_.block_unassigned(first.block())) return spec::kEEXIST;
  } else if (snp_) {
    RmpEntry entry;
    if (rmp_.lookup(first, entry) && entry.assigned) return spec::kEEXIST;
  } else if (tdx_ && file.pages.leaf_order(index) >= 0) {
    return spec::kEEXIST;
  }
  if (absent) return spec::kEFAULT;

  for (uint32_t i = 0; i < pages; ++i) {
    const Errno refused =
        fill_page(file, index + Pages{i}, first + Pages{i}, gfn + Pages{i}, static_cast<uint8_t>(op.arg));
    if (refused == spec::kOk) continue;
    for (uint32_t undo = 0; snp_ && undo < i; ++undo) make_shared(lane_, first + Pages{undo});
    return refused;
  }
  for (uint32_t i = 0; i < pages; ++i) mark_page(file, index + Pages{i});
  if (tdx_) add_page(file, index);
  done += pages;
  return spec::kOk;
}

// What a step's callback does for one page: contents, and on snp the RMP entry and the firmware's work.
Engine::Errno Engine::fill_page(const File& file, Index index, Pfn pfn, Gfn gfn, uint8_t fill) {
  if (fill == 0) {
    arena_.clear_page(pfn);
  } else if (!arena_.write(pfn, 0, kPageBytes, fill, file.pages.word(index.block()).huge())) {
    return spec::kENOMEM;
  }
  if (!snp_) return spec::kOk;
  if (!assign_4k(lane_, pfn, gfn, asid_of(file.vm))) return spec::kEFAULT;
  rmp_.set_validated(pfn);
  return spec::kOk;
}

// sev_handle_rmp_fault: gets the page as a fault does, prepare hook and all, and zaps 512 gfns from the faulting one
// on, not those of its block. A hook that is given up is met again by the fault that follows.
void Engine::handle_rmp_fault(Vm& vm, Slot& slot, Gfn gfn, Pfn pfn) {
  File& file = *slot.file;
  const Index index = slot.index_of(gfn);
  prepare(lane_, file, slot, index, mapping_order(slot, file.pages, index), true);
  smash(pfn);
  zap_gfns(vm, {gfn, gfn + Pages{kBlockPages}});
}

Engine::Errno Engine::op_validate(const spec::OpRecord& op, Outcome& out) {
  enum Code { kOk = 0, kFailInput = 1, kFailSizeMismatch = 6, kNoUpdate = 255 };
  Errno refused;
  Vm* vm = running_vm(lane_, op.vm, refused);
  if (vm == nullptr) return refused;
  if (!snp_ && !tdx_) return spec::kEOPNOTSUPP;
  const int64_t gpa = quantity(op.address);
  const int64_t size = quantity(op.size);
  const bool huge = size == static_cast<int64_t>(kBlockBytes);
  if ((size != static_cast<int64_t>(kPageBytes) && !huge) || gpa < 0 || gpa % static_cast<int64_t>(kPageBytes) != 0) {
    return spec::kEINVAL;
  }
  if (gpa % size != 0) {
    set_value(out, spec::kValidateCode, kFailInput);
    return spec::kOk;
  }
  const Gfn gfn{static_cast<uint64_t>(gpa) >> kPageShift};
  Slot* slot = lane_.slot_at(*vm, gfn);
  if (tdx_) return accept(*vm, slot, gfn, huge, out);
  Mapping mapping;
  const auto reach = [&]() {
    if (slot != nullptr && is_private(*vm, slot, gfn) && slot->file->pages.leaf_order(slot->index_of(gfn)) >= 0) {
      mapping.pfn = slot->file->pages.pfn(slot->index_of(gfn));
      return spec::kOk;
    }
    const Errno error = fault(lane_, *vm, slot, gfn, true, true, mapping);
    set_exit(out, mapping.exit);
    return error;
  };
  if (const Errno error = reach(); error != spec::kOk) return error;
  count(Counter::kPvalidate);
  RmpEntry entry;
  rmp_.lookup(mapping.pfn, entry);
  if (entry.huge && !huge) {
    // The 4K instruction on a 2M entry faults; the host smashes the entry and the guest tries again.
    handle_rmp_fault(*vm, *slot, gfn, mapping.pfn);
    if (const Errno error = reach(); error != spec::kOk) return error;
    rmp_.lookup(mapping.pfn, entry);
  }
  if (huge && !entry.huge) {
    set_value(out, spec::kValidateCode, kFailSizeMismatch);
    return spec::kOk;
  }
  if (!entry.validated) rmp_.set_validated(mapping.pfn);
  set_value(out, spec::kValidateCode, entry.validated ? kNoUpdate : kOk);
  return spec::kOk;
}

}  // namespace gmem
