// Faults: kind, slot, folio, prepare, leaf, in the order the kernel looks (docs/semantics.md section 6).
#include "core/engine.h"
#include "core/fault_locks.h"
#include "core/quantity.h"

namespace gmem {

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

[[gnu::noinline]] Engine::Errno Engine::fault_gmem(Lane& lane, Slot& slot, Gfn gfn, bool to_private, bool map,
                                                   Mapping& mapping) {
  File& file = *slot.file;
  if (!file.open) {
    mapping.exit = spec::Exit::kMemoryFault;
    return spec::kEFAULT;
  }
  const Index index = slot.index_of(gfn);
  SchemeLock scheme(lane, file.scheme_lock);
  if (!find_folio(lane, file, index, mapping.pfn)) return spec::kENOMEM;
  if (knobs_.lock == spec::Lock::kPfnOnly) scheme.release();
  if (file.pages.poisoned(index)) {
    mapping.exit = spec::Exit::kMemoryFault;
    return spec::kEHWPOISON;
  }
  mapping.order = file.pages.word(index.block()).huge() ? mapping_order(slot, file.pages, index) : kOrder4k;
  const bool assigned = snp_ && to_private;
  const Errno error = mapping.order == kOrder4k ? prepare_page(lane, file, slot, index, mapping.pfn, assigned)
                                                : prepare_huge(lane, file, slot, index, mapping.order, assigned);
  if (error != spec::kOk) {
    if (error == spec::kEFAULT) mapping.exit = spec::Exit::kMemoryFault;
    return error;
  }
  mapping.level = mapping.order;
  if (!in_place_ && mapping.level == kOrder2m && !slot.kinds.uniform(gfn.block())) mapping.level = kOrder4k;
  if (assigned) {
    const RmpLock rmp(lane, mapping.pfn, mapping.order != kOrder4k);
    const int rmp_order = rmp_.entry_order(mapping.pfn, gfn, asid_of(file.vm));
    if (rmp_order < 0) {
      mapping.exit = spec::Exit::kRmpMismatch;
      return spec::kEFAULT;
    }
    if (mapping.level > static_cast<uint32_t>(rmp_order)) mapping.level = static_cast<uint32_t>(rmp_order);
  }
  mapping.level = tdx_ && to_private ? install_sept_leaf(lane, file, index, mapping.level, map)
                                     : install_leaf(lane, file, index, mapping.level, map);
  return spec::kOk;
}

[[gnu::noinline]] Engine::Errno Engine::fault_copy(Lane& lane, Slot& slot, Gfn gfn, bool map, Mapping& mapping) {
  File& file = *slot.file;
  const Index index = slot.index_of(gfn);
  if (!get_copy(lane, file, index)) return spec::kENOMEM;
  mapping.pfn = file.copies->pfn(index);
  mapping.order = mapping_order(slot, *file.copies, index);
  const uint32_t level = slot.kinds.uniform(gfn.block()) ? mapping.order : kOrder4k;
  mapping.level = install_leaf(lane, file, index, level, map);
  return spec::kOk;
}

template <bool kBeside>
inline Engine::Errno Engine::fault_at(Lane& lane, Vm& vm, Slot* slot, Gfn gfn, bool to_private, bool map,
                                      Mapping& mapping) {
  if (is_private(vm, slot, gfn) != to_private) {
    mapping.exit = spec::Exit::kMemoryFault;
    return spec::kEFAULT;
  }
  if (slot == nullptr) {
    mapping.exit = to_private ? spec::Exit::kMemoryFault : spec::Exit::kMmio;
    return to_private ? spec::kEFAULT : spec::kOk;
  }
  if (served_from_gmem(*slot->file, to_private)) {
    if (find_leaf(*slot, gfn, to_private, mapping)) return spec::kOk;
    return fault_unmapped<kBeside>(lane, *slot, gfn, to_private, map, mapping);
  }
  return fault_copy(lane, *slot, gfn, map, mapping);
}

Engine::Errno Engine::fault(Lane& lane, Vm& vm, Slot* slot, Gfn gfn, bool to_private, bool map, Mapping& mapping) {
  return lane.locks == nullptr ? fault_at<false>(lane, vm, slot, gfn, to_private, map, mapping)
                               : fault_at<true>(lane, vm, slot, gfn, to_private, map, mapping);
}

// The fault of an op in whatever there is at its address. Beside others, what the page needs is locked here.
[[gnu::noinline]] Engine::Errno Engine::fault_anywhere(Lane& lane, const spec::OpRecord& op, Outcome& out) {
  Errno refused;
  Vm* vm = running_vm(lane, op.vm, refused);
  if (vm == nullptr) return refused;
  const Gfn gfn{static_cast<uint64_t>(quantity(op.address) >> kPageShift)};
  Slot* slot = lane.slot_at(*vm, gfn);
  BlockLock block(lane);
  if (slot != nullptr) block.hold(*slot->file, lock_range(slot->index_of(gfn)));
  Mapping mapping;
  const Errno error =
      fault(lane, *vm, slot, gfn, (op.flags & spec::kFlagPrivate) != 0, (op.flags & spec::kFlagNoMap) == 0, mapping);
  set_mapping(out, error, mapping);
  return error;
}

}  // namespace gmem
