// Accesses: touch, and bytes moved by the guest, through the file's mapping, and through the slot's user address
// (docs/semantics.md section 7).
#include "core/engine.h"
#include "core/fault_locks.h"
#include "core/outcome.h"
#include "core/quantity.h"

namespace gmem {

using spec::Counter;

// The access of a vCPU to a page, of whatever kind the page has now: a live leaf, or a fault.
Engine::Errno Engine::access_page(Lane& lane, BlockLock& block, Vm& vm, Gfn gfn, Mapping& mapping) {
  Slot* slot = lane.slot_at(vm, gfn);
  const bool to_private = is_private(vm, slot, gfn);
  if (slot != nullptr) {
    File& file = *slot->file;
    const Index index = slot->index_of(gfn);
    block.hold(file, lock_range(index));
    if (file.pages.leaf_order(index) >= 0) {
      const PageMap& map = served_from_gmem(file, to_private) ? file.pages : *file.copies;
      mapping.pfn = map.pfn(index);
      mapping.order = map.word(index.block()).huge() ? kOrder2m : kOrder4k;
      return spec::kOk;
    }
  }
  const Errno error = fault(lane, vm, slot, gfn, to_private, true, mapping);
  if (error == spec::kOk && mapping.exit == spec::Exit::kNone) {
    const PageMap& map = served_from_gmem(*slot->file, to_private) ? slot->file->pages : *slot->file->copies;
    mapping.order = map.word(slot->index_of(gfn).block()).huge() ? kOrder2m : kOrder4k;
  }
  return error;
}

// Most touches are of one page of a slot of a VM that runs, and mostly it has a leaf. Calls nothing but last.
Engine::Errno Engine::op_touch(Lane& lane, const spec::OpRecord& op, Outcome& out) {
  constexpr auto kPage = static_cast<double>(kPageBytes);
  Slot* slot = lane.running_slot(op.vm, op.address);
  if (slot == nullptr || !(op.size >= 1 && op.size <= kPage)) return touch_pages(lane, op, out);
  const auto gpa = static_cast<uint64_t>(static_cast<int64_t>(op.address));
  const uint64_t end = (gpa & (kPageBytes - 1)) + static_cast<uint64_t>(static_cast<int64_t>(op.size));
  if (end > kPageBytes) return touch_pages(lane, op, out);
  const Index index = slot->index_of({gpa >> kPageShift});
  if (lane.locks != nullptr && !lane.holds(*slot->file, lock_range(index)))
    return touch_elsewhere(lane, op, *slot, out);
  if (slot->file->pages.leaf_order(index) >= 0) return spec::kOk;
  return lane.locks == nullptr ? touch_first<false>(lane, op, *slot, out) : touch_first<true>(lane, op, *slot, out);
}

// Beside others, at a block that the lane does not hold yet.
[[gnu::noinline]] Engine::Errno Engine::touch_elsewhere(Lane& lane, const spec::OpRecord& op, const Slot& slot,
                                                        Outcome& out) {
  const Gfn gfn{static_cast<uint64_t>(static_cast<int64_t>(op.address)) >> kPageShift};
  BlockLock(lane).hold(*slot.file, lock_range(slot.index_of(gfn)));
  return op_touch(lane, op, out);
}

[[gnu::noinline]] Engine::Errno Engine::touch_pages(Lane& lane, const spec::OpRecord& op, Outcome& out) {
  Errno refused;
  Vm* vm = running_vm(lane, op.vm, refused);
  if (vm == nullptr) return refused;
  const int64_t gpa = quantity(op.address);
  const int64_t size = quantity(op.size);
  if (size <= 0) return spec::kEINVAL;
  const int64_t first = gpa >> kPageShift;
  const int64_t last = (gpa + size - 1) >> kPageShift;
  BlockLock block(lane);
  for (int64_t number = first; number <= last; ++number) {
    if ((number & (kPagesBetweenLooks - 1)) == 0 && lane.interrupted()) return spec::kOk;
    const Gfn gfn{static_cast<uint64_t>(number)};
    Slot* slot = lane.slot_at(*vm, gfn);
    if (slot != nullptr) block.hold(*slot->file, lock_range(slot->index_of(gfn)));
    if (slot != nullptr) {
      const Index index = slot->index_of(gfn);
      const int leaf = slot->file->pages.leaf_order(index);
      // A leaf of 2M and more has the rest of the block.
      if (leaf >= static_cast<int>(kOrder2m)) number += kBlockPages - 1 - index.in_block();
      if (leaf >= 0) continue;
    }
    Mapping mapping;
    const Errno error = fault(lane, *vm, slot, gfn, is_private(*vm, slot, gfn), true, mapping);
    if (error == spec::kOk && mapping.exit == spec::Exit::kNone) continue;
    set_exit(out, mapping.exit);
    set_value(out, spec::kTouchDone, static_cast<double>(number - first));
    return error;
  }
  return spec::kOk;
}

// Bytes on their way: what a read has seen so far.
struct Engine::Transfer {
  bool mixed = false;
  bool any = false;
  uint8_t byte = 0;

  void see(bool uniform, uint8_t value) {
    mixed = mixed || !uniform || (any && value != byte);
    any = true;
    byte = value;
  }
};

// False when the resident limit does not allow it, or when a lane beside others cannot tell.
bool Engine::write_page(Lane& lane, const Mapping& mapping, uint32_t offset, uint32_t bytes, uint8_t value) {
  const bool huge = mapping.order == kOrder2m;
  if (lane.locks == nullptr) [[likely]]
    return arena_.write(mapping.pfn, offset, bytes, value, huge);
  return arena_.write_beside(mapping.pfn, offset, bytes, value, huge, lane.may_write, lane.written_pages) ||
         lane.stall();
}

// Moves bytes page by page. `locate(page number, mapping)` finds the page or answers why not; an exit it names is in
// `out`.
template <class Locate>
Engine::Errno Engine::move_bytes(Lane& lane, const spec::OpRecord& op, bool write, Outcome& out, Locate locate) {
  constexpr int kByte = spec::kGuestReadByte;
  constexpr int kMixed = spec::kGuestReadMixed;
  constexpr int kDone = spec::kGuestReadDone;
  static_assert(kByte == spec::kHostReadByte && kByte == spec::kVmmReadByte && kDone == spec::kHostWriteDone &&
                kDone == spec::kVmmWriteDone && kDone == spec::kGuestWriteDone && kMixed == spec::kVmmReadMixed);
  const int64_t address = quantity(op.address);
  const int64_t size = quantity(op.size);
  if (size <= 0) return spec::kEINVAL;
  Transfer seen;
  for (int64_t done = 0; done < size;) {
    const int64_t at = address + done;
    const auto offset = static_cast<uint32_t>(at & static_cast<int64_t>(kPageBytes - 1));
    const int64_t left = size - done;
    const auto bytes =
        static_cast<uint32_t>(left < static_cast<int64_t>(kPageBytes - offset) ? left : kPageBytes - offset);
    Mapping mapping;
    if ((at >> kPageShift & (kPagesBetweenLooks - 1)) == 0 && lane.interrupted()) return spec::kOk;
    Errno error = locate(at >> kPageShift, mapping);
    if (error == spec::kOk && out.exit == 0) {
      if (write) {
        if (!write_page(lane, mapping, offset, bytes, static_cast<uint8_t>(op.arg))) error = spec::kENOMEM;
      } else {
        uint8_t value = 0;
        const bool uniform = arena_.read_uniform(mapping.pfn, offset, bytes, value);
        seen.see(uniform, value);
      }
    }
    if (error != spec::kOk || out.exit != 0) {
      set_value(out, kDone, static_cast<double>(done));
      return error;
    }
    done += bytes;
  }
  if (write) return spec::kOk;
  if (!arena_.enabled()) {
    set_value(out, kDone, static_cast<double>(size));
    return spec::kENODATA;
  }
  if (seen.mixed) {
    set_value(out, kMixed, 1);
  } else {
    set_value(out, kByte, seen.byte);
  }
  return spec::kOk;
}

Engine::Errno Engine::op_guest_access(Lane& lane, const spec::OpRecord& op, bool write, Outcome& out) {
  Errno refused;
  Vm* vm = running_vm(lane, op.vm, refused);
  if (vm == nullptr) return refused;
  BlockLock block(lane);
  return move_bytes(lane, op, write, out, [&](int64_t page, Mapping& mapping) {
    const Errno error = access_page(lane, block, *vm, Gfn{static_cast<uint64_t>(page)}, mapping);
    set_exit(out, mapping.exit);
    return error;
  });
}

// A page of the file as its own mapping serves it: allocated, cleared and marked on first use. REQUIRES: inside the
// file.
Engine::Errno Engine::host_page(File& file, Index index, Mapping& mapping) {
  if (in_place_ ? index_private(file, index) : !file.init_shared) return spec::kEFAULT;
  if (!get_folio(lane_, file, index)) return spec::kENOMEM;
  if (file.pages.poisoned(index)) return spec::kEFAULT;
  mapping.pfn = file.pages.pfn(index);
  mapping.order = file.pages.word(index.block()).huge() ? kOrder2m : kOrder4k;
  if (!file.pages.marked(index)) {
    arena_.clear_page(mapping.pfn);
    count(Counter::kPagesCleared);
    mark_page(file, index);
  }
  return spec::kOk;
}

Engine::Errno Engine::op_host_access(const spec::OpRecord& op, bool write, Outcome& out) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  if (quantity(op.size) <= 0) return spec::kEINVAL;
  if (!file->mmap) return spec::kEFAULT;
  return move_bytes(lane_, op, write, out, [&](int64_t page, Mapping& mapping) {
    const Index index{static_cast<uint64_t>(page)};
    return file->contains(index) ? host_page(*file, index, mapping) : spec::kEFAULT;
  });
}

Engine::Errno Engine::op_vmm_access(const spec::OpRecord& op, bool write, Outcome& out) {
  Vm* vm = live_vm(op.vm);
  if (vm == nullptr) return spec::kEBADF;
  return move_bytes(lane_, op, write, out, [&](int64_t page, Mapping& mapping) {
    const Gfn gfn{static_cast<uint64_t>(page)};
    Slot* slot = lane_.slot_at(*vm, gfn);
    if (slot == nullptr || is_private(*vm, slot, gfn)) return spec::kEFAULT;
    File& file = *slot->file;
    const Index index = slot->index_of(gfn);
    if (file.mmap || in_place_) return file.open && file.mmap ? host_page(file, index, mapping) : spec::kEFAULT;
    if (!get_copy(lane_, file, index)) return spec::kENOMEM;
    mapping.pfn = file.copies->pfn(index);
    mapping.order = file.copies->word(index.block()).huge() ? kOrder2m : kOrder4k;
    return spec::kOk;
  });
}

}  // namespace gmem
