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

}  // namespace gmem
