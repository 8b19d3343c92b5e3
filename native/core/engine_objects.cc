// create, bind, close, destroy: files, slots and VMs (docs/semantics.md sections 2 and 4).
#include <algorithm>
#include <new>

#include "core/engine.h"
#include "core/quantity.h"

namespace gmem {

namespace {
constexpr uint32_t kUserSlots = 32764;                      // KVM_USER_MEM_SLOTS of x86
constexpr int64_t kMostSlotPages = (int64_t{1} << 31) - 1;  // KVM_MEM_MAX_NR_PAGES
constexpr int64_t kGuestPhysicalLimit = int64_t{1} << 52;   // kvm_mmu_max_gfn at 52 address bits
constexpr int64_t kPageMask = static_cast<int64_t>(kPageBytes) - 1;

bool unaligned(int64_t bytes) { return (bytes & kPageMask) != 0; }

// The kernel's quantities are unsigned: a negative start is a huge one, and its range wraps if it reaches zero.
bool wraps(int64_t start, int64_t size) { return start < 0 && size > 0 && start + size >= 0; }
}  // namespace

Engine::Errno Engine::op_create(const spec::OpRecord& op) {
  Vm* vm = live_vm(op.vm);
  if (vm == nullptr) return spec::kEBADF;
  if (op.gmem >= files_by_id_.size()) return spec::kEINVAL;
  if (files_by_id_[op.gmem] != nullptr) return spec::kEEXIST;
  const bool private_memory = (snp_ || tdx_) && knobs_.conversion == spec::Conversion::kDiscard;
  const uint32_t supported = private_memory ? 0 : spec::kCreateFlagMmap | spec::kCreateFlagInitShared;
  const auto flags = quantity(op.extra);
  if (flags < 0 || (flags & ~static_cast<int64_t>(supported)) != 0) return spec::kEINVAL;
  const auto size = quantity(op.size);
  if (size <= 0 || (size & kPageMask) != 0) return spec::kEINVAL;
  const Pages pages{static_cast<uint64_t>(size) >> kPageShift};
  const bool pooled = knobs_.source == spec::Source::kPool;
  const uint64_t huge_pages = pooled ? pages.value >> huge_order_ : 0;
  if (pooled && huge_pages << huge_order_ != pages.value) return spec::kEINVAL;
  const bool init_shared = (flags & spec::kCreateFlagInitShared) != 0;
  File* made = nullptr;
  try {
    const uint64_t serial = next_serial_;
    auto file = std::make_unique<File>(page_lines_, op.gmem, serial, op.vm, pages, (flags & spec::kCreateFlagMmap) != 0,
                                       init_shared, initially_private_ && !init_shared, growth_of(pages));
    if (in_place_) file->changed_kinds = std::make_unique<ShareMap>(flag_lines_, file->all(), file->growth());
    if (!in_place_ && knobs_.punch != spec::Punch::kSplit) {
      file->retained = std::make_unique<ShareMap>(flag_lines_, file->all());
    }
    if (vcpus_) make_scheme_lock(*file);
    if (tdx_) file->accepted = std::make_unique<ShareMap>(flag_lines_, file->all());
    if (natural_ && !file->initially_private) file->shared_ranges.emplace(0, pages.value);
    made = files_.emplace(serial, std::move(file)).first->second.get();
  } catch (const std::bad_alloc&) {
    return spec::kENOMEM;
  }
  // Nothing throws from here on.
  if (!pool_.reserve(huge_pages)) {
    files_.erase(made->serial);
    return spec::kENOMEM;
  }
  made->reserved_huge_pages = huge_pages;
  if (in_place_ && !made->initially_private) {
    made->shared_groups = (pages.value + 63) / 64;
    shared_groups_ += made->shared_groups;
  }
  if (made->by_huge_pages) blocks_by_huge_pages_ += made->pages.blocks();
  files_by_id_[op.gmem] = made;
  ++next_serial_;
  ++vm->open_files;
  return spec::kOk;
}

Engine::Errno Engine::op_bind(const spec::OpRecord& op) {
  Vm* vm = live_vm(op.vm);
  if (vm == nullptr) return spec::kEBADF;
  const auto size = quantity(op.size);
  const auto gpa = quantity(op.address);
  const auto offset = quantity(op.extra);
  const uint32_t number = op.arg;
  if (size < 0 || unaligned(size) || unaligned(gpa) || unaligned(offset)) return spec::kEINVAL;
  if (wraps(gpa, size) || wraps(offset, size)) return spec::kEINVAL;
  if ((number & 0xffff) >= kUserSlots || (number >> 16) != 0) return spec::kEINVAL;
  const int64_t pages = size >> kPageShift;
  if (pages > kMostSlotPages) return spec::kEINVAL;
  const bool exists = vm->slots.contains(number);
  if (size == 0) {
    if (!exists) return spec::kEINVAL;
    delete_slot(*vm, number);  // in part, when told to end: what is left can be deleted
    return spec::kOk;
  }
  if (exists) return spec::kEINVAL;

  const Run<Gfn> gfns{{static_cast<uint64_t>(gpa) >> kPageShift}, {static_cast<uint64_t>(gpa + size) >> kPageShift}};
  const size_t position = vm->first_slot_above(gfns.first);
  const bool overlaps = position < vm->by_gfn.size() && vm->by_gfn[position]->gfns.first < gfns.end;
  if (gpa >= 0 && overlaps) return spec::kEEXIST;
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  if (file->vm != op.vm) return spec::kEINVAL;
  if (offset < 0) return spec::kEINVAL;
  const Index first{static_cast<uint64_t>(offset) >> kPageShift};
  const Run<Index> indexes{first, first + gfns.size()};
  if (indexes.end.value > file->size.value) return spec::kEINVAL;
  const auto above = file->bindings.lower_bound(indexes.first.value);
  if (above != file->bindings.end() && above->first < indexes.end.value) return spec::kEINVAL;
  if (above != file->bindings.begin() && std::prev(above)->second->indexes().end > indexes.first) return spec::kEINVAL;
  if (gpa < 0 || gpa + size > kGuestPhysicalLimit) return spec::kEINVAL;

  // All memory is taken before anything refers to the slot.
  std::unique_ptr<Slot> slot;
  std::map<uint64_t, Slot*> binding;
  std::map<uint32_t, std::unique_ptr<Slot>> numbered;
  try {
    slot = std::make_unique<Slot>(flag_lines_, number, gfns, *file, first);
    binding.emplace(first.value, slot.get());
    numbered.emplace(number, nullptr);
    if (vm->by_gfn.size() == vm->by_gfn.capacity()) vm->by_gfn.reserve(2 * vm->by_gfn.size() + 1);
  } catch (const std::bad_alloc&) {
    return spec::kENOMEM;
  }
  Gfn moved = gfns.end;
  by_ranges(vm->changed_kinds, gfns, [&](Run<Gfn> some) {
    vm->changed_kinds.for_each(some, [&](Run<Gfn> run) { slot->kinds.set(run, true); });
    vm->changed_kinds.remove(some);
    moved = some.end;
  });
  // Told to end, the slot has the gfns whose kinds it has.
  slot->gfns.end = moved;
  vm->by_gfn.insert(vm->by_gfn.begin() + static_cast<ptrdiff_t>(position), slot.get());
  numbered.begin()->second = std::move(slot);
  file->bindings.merge(binding);
  vm->slots.merge(numbered);
  return spec::kOk;
}

// The kinds of the slot's gfns are the VM's again. From the top down: told to end, the slot ends below those it gave
// back. REQUIRES: no leaf of the slot is left.
bool Engine::give_kinds_back(Vm& vm, Slot& slot) {
  constexpr uint64_t kPages = uint64_t{64} << kBlockShift;
  for (;;) {
    const Run<Gfn> top = Run<Gfn>{{(slot.gfns.end.value - 1) & ~(kPages - 1)}, slot.gfns.end}.clipped_to(slot.gfns);
    bool any = false;
    slot.kinds.for_each_flagged(top, [&](Run<Gfn> run) {
      vm.changed_kinds.add(run);
      any = true;
    });
    if (any) slot.kinds.set(top, false);
    if (top.first == slot.gfns.first) return true;
    slot.gfns.end = top.first;
    if (lane_.interrupted()) return false;
  }
}

// False when told to end: then the slot is still there, with no leaf above some index, or without its top.
bool Engine::delete_slot(Vm& vm, uint32_t number) {
  const auto it = vm.slots.find(number);
  Slot& slot = *it->second;
  File& file = *slot.file;
  if (!zap(lane_, file, slot.indexes())) return false;
  const bool last_of_file = !file.open && file.bindings.size() == 1;
  if (last_of_file && !drop_copies(file, file.all())) return false;
  lane_.forget_slots();
  if (vcpus_) {
    for (auto& lane : vcpus_->lanes) lane->forget_slots();
  }
  if (!give_kinds_back(vm, slot)) return false;
  vm.by_gfn.erase(std::find(vm.by_gfn.begin(), vm.by_gfn.end(), &slot));
  file.bindings.erase(slot.first.value);
  vm.slots.erase(it);
  drop_file_if_unused(file);
  return true;
}

// Files that the host could fill become resident by huge pages, together no more than it has room for, and no more than
// 16 TiB; a file beyond is sparse, and pays for what is used of it.
Growth Engine::growth_of(Pages size) const {
  constexpr uint64_t kMostBlocks = uint64_t{1} << 23;
  const uint64_t most = std::min(host_total_.value >> kBlockShift, kMostBlocks);
  const uint64_t blocks = size.value >> kBlockShift;
  return blocks <= most - std::min(most, blocks_by_huge_pages_) ? Growth::kByHugePages : Growth::kWithUse;
}

// REQUIRES: a file that nothing refers to has no copies.
void Engine::drop_file_if_unused(File& file) {
  if (file.open || !file.bindings.empty()) return;
  if (file.by_huge_pages) blocks_by_huge_pages_ -= file.pages.blocks();
  buried_split_blocks_ += file.split_blocks;
  buried_merged_blocks_ += file.merged_blocks;
  buried_split_regions_ += file.split_regions;
  buried_merged_regions_ += file.merged_regions;
  files_.erase(file.serial);
}

// The file is open until all that goes with it is gone, so that a close that was told to end can be gone on with.
Engine::Errno Engine::op_close(uint32_t gmem) {
  File* file = open_file(gmem);
  if (file == nullptr) return spec::kEBADF;
  Vm& vm = vm_record(file->vm);
  free_everything(*file);
  if (lane_.stop != Lane::Stop::kNo) return spec::kOk;
  if (vm.open_files == 1 && vm.destroyed && !bury_vm(vm)) return spec::kOk;
  if (file->bindings.empty() && !drop_copies(*file, file->all())) return spec::kOk;
  pool_.unreserve(file->reserved_huge_pages);
  shared_groups_ -= file->shared_groups;
  file->open = false;
  files_by_id_[gmem] = nullptr;
  last_closed_[gmem] = file->serial;
  --vm.open_files;
  drop_file_if_unused(*file);
  return spec::kOk;
}

Engine::Errno Engine::op_destroy(uint32_t number) {
  Vm* vm = live_vm(number);
  if (vm == nullptr) return spec::kEBADF;
  if (vm->open_files == 0 && !bury_vm(*vm)) return spec::kOk;
  vm->destroyed = true;
  vm->runs = false;
  return spec::kOk;
}

// Nobody will reach the VM any more: its slots go, and with them files that only they kept. False when told to end:
// then it has some of them still.
bool Engine::bury_vm(Vm& vm) {
  while (!vm.slots.empty()) {
    if (!delete_slot(vm, vm.slots.begin()->first)) return false;
  }
  return true;
}

}  // namespace gmem
