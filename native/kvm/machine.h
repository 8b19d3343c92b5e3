// One VM: its descriptor, its slots, and the guest that runs in it once an op needs one.
//
// Invariants: `slots` are exactly the slots the kernel has, but for the guest's own; the guest's own never overlaps
// them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "kvm/capabilities.h"
#include "kvm/file.h"
#include "kvm/guest.h"

namespace gmem::kvm {

class Machine {
 public:
  // 0, or the errno of KVM_CREATE_VM.
  int open(int kvm_fd, const Capabilities& caps);

  // KVM_CREATE_GUEST_MEMFD as given. 0, or the errno.
  int create_file(uint64_t size, uint64_t flags, Fd& out);
  // KVM_SET_USER_MEMORY_REGION2 as given; `file` may be null (a bad descriptor is passed on). 0, or the errno.
  int bind(uint32_t slot, int64_t gpa, int64_t size, int64_t offset, const std::shared_ptr<GmemFile>& file);

  // Runs the guest; see Guest::run. ENOSPC when there is no room for the guest's own slot.
  GuestAnswer run(Action action, uint64_t gpa, uint64_t size, uint8_t byte);

  // The slot that covers `gpa`, or nullptr.
  Slot* slot_at(uint64_t gpa);
  // The slot that shows this offset of a file, or nullptr.
  Slot* slot_of(const GmemFile& file, uint64_t offset);
  // End of the gapless run of slots that starts at `gpa`, at most `limit`; `gpa` itself when it is not bound.
  uint64_t bound_end(uint64_t gpa, uint64_t limit);
  const std::map<uint32_t, Slot>& slots() const { return slots_; }
  uint64_t guest_runs() const { return guest_ == nullptr ? 0 : guest_->runs(); }
  uint64_t guest_crashes() const { return guest_ == nullptr ? 0 : guest_->crashes(); }

 private:
  // The memory behind a slot's userspace_addr. 0, or the errno.
  int map_user(GmemFile& file, uint64_t offset, uint64_t size, Mapping& out);
  // Moves the guest's own slot, if it is there, away from this slot number and range.
  int make_room(uint32_t slot, uint64_t gpa, uint64_t size);
  int settle_guest(uint32_t but_slot, uint64_t but_gpa, uint64_t but_size);
  bool range_free(uint64_t gpa, uint64_t size) const;

  int kvm_fd_ = -1;
  const Capabilities* caps_ = nullptr;
  Fd vm_;
  std::map<uint32_t, Slot> slots_;
  // Slot number by gpa.
  std::map<uint64_t, uint32_t> by_gpa_;
  std::unique_ptr<Guest> guest_;
};

}  // namespace gmem::kvm
