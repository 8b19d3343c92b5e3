#include "kvm/machine.h"

#include <cerrno>

#include "kvm/control.h"
#include "kvm/uapi.h"

namespace gmem::kvm {
namespace {

constexpr uint64_t kPage = spec::kPageBytes;
constexpr uint32_t kNoSlot = 0xffffffff;
// KVM_MEM_MAX_NR_PAGES, plus one.
constexpr uint64_t kMostSlotBytes = kPage << 31;
// Places tried for the guest's own slot, from the top of guest-physical space down.
constexpr uint64_t kHomes = 4096;

bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) { return a < b + b_size && b < a + a_size; }

}  // namespace

int Machine::open(int kvm_fd, const Capabilities& caps) {
  kvm_fd_ = kvm_fd;
  caps_ = &caps;
  vm_ = Fd(control(kvm_fd, KVM_CREATE_VM, 0));
  if (!vm_) return errno;
  vm_.close_on_exec();
  return 0;
}

int Machine::create_file(uint64_t size, uint64_t flags, Fd& out) {
  CreateGuestMemfd create{};
  create.size = size;
  create.flags = flags;
  out = Fd(control(vm_.get(), kCreateGuestMemfd, &create));
  if (!out) return errno;
  out.close_on_exec();
  return 0;
}

int Machine::map_user(GmemFile& file, uint64_t offset, uint64_t size, Mapping& out) {
  if (file.mappable()) {
    out = Mapping::reserved(size);
    return out ? 0 : errno;
  }
  if (!file.copies) {
    Fd copies(::memfd_create("gmem-copies", MFD_CLOEXEC));
    if (!copies || ::ftruncate(copies.get(), file.size) != 0) return errno;
    file.copies = std::move(copies);
  }
  out = Mapping::shared(file.copies.get(), size, offset);
  return out ? 0 : errno;
}

int Machine::bind(uint32_t slot, int64_t gpa, int64_t size, int64_t offset, const std::shared_ptr<GmemFile>& file) {
  const uint64_t positive_gpa = gpa > 0 ? static_cast<uint64_t>(gpa) : 0;
  const uint64_t positive_size = size > 0 ? static_cast<uint64_t>(size) : 0;
  // A size no slot can have is refused before any overlap is looked for.
  const uint64_t wanted = positive_size < kMostSlotBytes ? positive_size : 0;
  if (const int error = make_room(slot, positive_gpa, wanted); error != 0) return error;

  Slot made;
  MemoryRegion region{};
  // What the kernel will refuse anyway needs no memory behind it.
  const bool inside = file != nullptr && file->fd && size > 0 && offset >= 0 && offset <= file->size &&
                      size <= file->size - offset && size % kPage == 0 && offset % kPage == 0 && !slots_.contains(slot);
  if (inside) {
    const int error = map_user(*file, static_cast<uint64_t>(offset), positive_size, made.user);
    if (error != 0) return error;
    region.user_address = reinterpret_cast<uint64_t>(made.user.get());
  }
  region.slot = slot;
  region.flags = kMemGuestMemfd;
  region.guest_physical = static_cast<uint64_t>(gpa);
  region.size = static_cast<uint64_t>(size);
  region.gmem_offset = static_cast<uint64_t>(offset);
  region.gmem_fd = static_cast<uint32_t>(file != nullptr && file->fd ? file->fd.get() : -1);
  if (control(vm_.get(), kSetUserMemoryRegion2, &region) != 0) return errno;

  if (size == 0) {
    const auto it = slots_.find(slot);
    if (it != slots_.end()) {
      by_gpa_.erase(it->second.gpa);
      slots_.erase(it);
    }
    return 0;
  }
  made.gpa = positive_gpa;
  made.size = positive_size;
  made.offset = static_cast<uint64_t>(offset);
  made.file = file;
  by_gpa_[made.gpa] = slot;
  slots_[slot] = std::move(made);
  return 0;
}

Slot* Machine::slot_at(uint64_t gpa) {
  auto it = by_gpa_.upper_bound(gpa);
  if (it == by_gpa_.begin()) return nullptr;
  Slot& slot = slots_.at(std::prev(it)->second);
  return gpa < slot.end() ? &slot : nullptr;
}

Slot* Machine::slot_of(const GmemFile& file, uint64_t offset) {
  for (auto& [number, slot] : slots_) {
    if (slot.file.get() == &file && offset >= slot.offset && offset - slot.offset < slot.size) return &slot;
  }
  return nullptr;
}

uint64_t Machine::bound_end(uint64_t gpa, uint64_t limit) {
  while (gpa < limit) {
    const Slot* slot = slot_at(gpa);
    if (slot == nullptr) return gpa;
    gpa = slot->end();
  }
  return limit;
}

bool Machine::range_free(uint64_t gpa, uint64_t size) const {
  auto it = by_gpa_.lower_bound(gpa);
  if (it != by_gpa_.end() && it->first < gpa + size) return false;
  if (it == by_gpa_.begin()) return true;
  return slots_.at(std::prev(it)->second).end() <= gpa;
}

int Machine::settle_guest(uint32_t but_slot, uint64_t but_gpa, uint64_t but_size) {
  uint32_t slot = caps_->slots;
  do {
    if (slot == 0) return ENOSPC;
    --slot;
  } while (slot == but_slot || slots_.contains(slot));
  const uint64_t limit = uint64_t{1} << caps_->physical_bits;
  const uint64_t stride = limit / kHomes;
  for (uint64_t i = 1; i < kHomes; ++i) {
    const uint64_t home = limit - i * stride;
    if (overlap(home, Guest::kHomeBytes, but_gpa, but_size) || !range_free(home, Guest::kHomeBytes)) continue;
    return guest_->settle(slot, home);
  }
  return ENOSPC;
}

int Machine::make_room(uint32_t slot, uint64_t gpa, uint64_t size) {
  if (guest_ == nullptr || !guest_->settled()) return 0;
  if (slot != guest_->slot() && !overlap(guest_->home(), Guest::kHomeBytes, gpa, size)) return 0;
  return settle_guest(slot, gpa, size);
}

GuestAnswer Machine::run(Action action, uint64_t gpa, uint64_t size, uint8_t byte) {
  GuestAnswer failed;
  failed.at = gpa;
  if (guest_ == nullptr) {
    auto guest = std::make_unique<Guest>();
    failed.errno_number = guest->open(kvm_fd_, vm_.get(), caps_->physical_bits);
    if (failed.errno_number != 0) return failed;
    guest_ = std::move(guest);
  }
  failed.errno_number = guest_->settled() ? make_room(kNoSlot, gpa, size) : settle_guest(kNoSlot, gpa, size);
  if (failed.errno_number != 0) return failed;
  return guest_->run(action, gpa, size, byte);
}

}  // namespace gmem::kvm
