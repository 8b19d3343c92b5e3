// What a TDX guest starts from and agrees to: the launch, pages added to it, pages accepted (docs/semantics-tdx.md
// sections 22 and 23).
#include "core/engine.h"
#include "core/outcome.h"

namespace gmem {

using spec::Counter;

// A vCPU wants to run in a VM that does not: destroyed, or between its first populated page and finalize. A VM that had
// no launch is finalized by that. Returns the VM, or nullptr and why not.
Vm* Engine::first_run(Lane& lane, Vm& vm, Errno& refused) {
  if (vm.destroyed || vm.launching) {
    refused = vm.destroyed ? spec::kEBADF : spec::kEINVAL;
    return nullptr;
  }
  if (!vm.runs) {
    if (lane.locks != nullptr) {
      lane.stall();
      return nullptr;
    }
    vm.finalized = true;
    vm.runs = true;
  }
  return &vm;
}

// TDH.MEM.PAGE.ADD and its TDH.MR.EXTENDs: a page of the launch is mapped and accepted. REQUIRES: no leaf covers it.
void Engine::add_page(File& file, Index index) {
  Bitmap512 page;
  page.fill(false);
  page.set(index.in_block());
  file.pages.lines().leaves(file.pages.open_line(index.block())).set(index.in_block());
  file.accepted->set(index.block(), page, true);
  count(Counter::kFaults4k);
  count(Counter::kSeptAdd);
}

// TDG.MEM.PAGE.ACCEPT of one 4K or 2M page, mapped first where it is not: the level of the guest's accept travels with
// the EPT violation. REQUIRES: gfn is aligned to the size.
Engine::Errno Engine::accept(Vm& vm, Slot* slot, Gfn gfn, bool huge, Outcome& out) {
  enum Code { kOk = 0, kFailSizeMismatch = 6, kNoUpdate = 255 };
  const bool mapped =
      slot != nullptr && is_private(vm, slot, gfn) && slot->file->pages.leaf_order(slot->index_of(gfn)) >= 0;
  if (!mapped) {
    Mapping mapping;
    const Errno error = fault(lane_, vm, slot, gfn, true, false, mapping);
    set_exit(out, mapping.exit);
    if (error != spec::kOk) return error;
    install_sept_leaf(lane_, *slot->file, slot->index_of(gfn), huge ? mapping.level : kOrder4k, true);
  }
  count(Counter::kPvalidate);
  File& file = *slot->file;
  const Index index = slot->index_of(gfn);
  const bool large = file.pages.word(index.block()).leaf_2m();
  if (large && !huge) demote(lane_, file, index.block());
  if (huge && !large) {
    set_value(out, spec::kValidateCode, kFailSizeMismatch);
    return spec::kOk;
  }
  const bool accepted = file.accepted->flagged(index);
  if (!accepted) file.accepted->set({index, index + Pages{huge ? kBlockPages : 1}}, true);
  set_value(out, spec::kValidateCode, accepted ? kNoUpdate : kOk);
  return spec::kOk;
}

}  // namespace gmem
