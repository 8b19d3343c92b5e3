// Private or shared: attributes by gfn, kinds by index in place (docs/semantics.md section 5, semantics-designs.md
// section 15).
#include "core/engine.h"
#include "core/quantity.h"

namespace gmem {

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

// Means nothing when the run was told to end.
uint64_t Engine::count_differing(const Vm& vm, Run<Gfn> run, bool to_private) {
  const bool changed = to_private != initially_private_;
  uint64_t unbound = 0;
  uint64_t differing = 0;
  Gfn at = run.first;
  for (size_t i = vm.first_slot_above(run.first); i < vm.by_gfn.size() && vm.by_gfn[i]->gfns.first < run.end; ++i) {
    const Slot& slot = *vm.by_gfn[i];
    const Run<Gfn> part = slot.gfns.clipped_to(run);
    unbound += (part.first - at).value;
    if (!by_parts(part, [&](Run<Gfn> some) { differing += slot.kinds.count_differing(some, changed); })) return 0;
    at = part.end;
  }
  unbound += (run.end - at).value;
  // Bound gfns are never in the ranges, so the count over the whole run is that of its unbound gfns.
  uint64_t unbound_changed = 0;
  by_ranges(vm.changed_kinds, run, [&](Run<Gfn> some) { unbound_changed += vm.changed_kinds.count(some); });
  return differing + (changed ? unbound - unbound_changed : unbound_changed);
}

// Returns how many gfns changed kind; told to end, those below some gfn have it.
uint64_t Engine::set_kind(Vm& vm, Run<Gfn> run, bool to_private) {
  const bool changed = to_private != initially_private_;
  uint64_t turned = 0;
  const auto set_unbound = [&](Run<Gfn> gap) {
    return gap.empty() || by_ranges(vm.changed_kinds, gap, [&](Run<Gfn> some) {
             turned += changed ? vm.changed_kinds.add(some) : vm.changed_kinds.remove(some);
           });
  };
  Gfn at = run.first;
  for (size_t i = vm.first_slot_above(run.first); i < vm.by_gfn.size() && vm.by_gfn[i]->gfns.first < run.end; ++i) {
    Slot& slot = *vm.by_gfn[i];
    const Run<Gfn> part = slot.gfns.clipped_to(run);
    if (!set_unbound({at, part.first})) return turned;
    if (!by_parts(part, [&](Run<Gfn> some) { turned += slot.kinds.set(some, changed); })) return turned;
    at = part.end;
  }
  set_unbound({at, run.end});
  return turned;
}

// Returns how many gfns changed kind; if none did, nothing was touched. Told to end, leaves may be gone over gfns that
// keep their kind, never the other way round.
uint64_t Engine::flip_kind(Vm& vm, Run<Gfn> run, bool to_private) {
  const uint64_t differing = count_differing(vm, run, to_private);
  if (differing == 0 || lane_.stop != Lane::Stop::kNo) return 0;
  // What is mapped as it was goes (kvm_arch_pre_set_memory_attributes).
  if (!zap_gfns(vm, run, to_private ? Leaves::kShared : Leaves::kPrivate)) return 0;
  return set_kind(vm, run, to_private);
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

}  // namespace gmem
