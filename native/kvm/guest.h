// One real vCPU that touches, fills and reads guest-physical ranges, and the piece of guest memory it needs for itself:
// a code page and page tables, in a slot of its own ("the home") that moves away whenever an op wants its gpa or its
// slot number.
//
// The guest runs at CPL 3 in long mode, the one mode that takes real page faults on every host (see
// docs/real-kernel.md). Guest-virtual memory is guest-physical memory in pieces of 512 GiB, mapped by 2M entries. An
// entry once written never changes while the home stays: the kernel does not see stores to page tables from out here.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <unordered_map>

#include "kvm/handles.h"
#include "kvm/program.h"

namespace gmem::kvm {

// Why a run of the guest stopped, or that it did not.
struct GuestAnswer {
  int errno_number = 0;
  bool mmio = false;
  // KVM_EXIT_MEMORY_FAULT came with the errno.
  bool memory_fault = false;
  // gpa that stopped it, for an errno and for mmio.
  uint64_t at = 0;
  // kCompare: the byte, and whether another one differs.
  uint8_t byte = 0;
  bool mixed = false;

  bool completed() const { return errno_number == 0 && !mmio; }
};

class Guest {
 public:
  // Bytes of guest-physical space the home takes, door included.
  static constexpr uint64_t kHomeBytes = (16u << 20) + (2u << 20);

  // Creates the vCPU. 0, or the errno.
  int open(int kvm_fd, int vm_fd, unsigned physical_bits);

  // Puts the home at a free gpa and slot number. 0, or the errno.
  int settle(uint32_t slot, uint64_t home);
  bool settled() const { return settled_; }
  uint32_t slot() const { return slot_; }
  uint64_t home() const { return home_; }

  // Runs `action` over [gpa, gpa + size). REQUIRES: settled, size > 0, the range below 2^physical_bits, not in the
  // home.
  GuestAnswer run(Action action, uint64_t gpa, uint64_t size, uint8_t byte);

  uint64_t runs() const { return runs_; }
  uint64_t crashes() const { return crashes_; }

 private:
  GuestAnswer run_piece(Action action, uint64_t gpa, uint64_t size, uint8_t byte);
  GuestAnswer enter(Action action, uint64_t virtual_address, uint64_t gpa, uint64_t count, uint8_t byte);
  void finish_access();
  bool map_gib(uint64_t gpa, uint64_t& virtual_address);
  uint64_t* table_at(uint64_t entry);
  uint64_t child(uint64_t* table, unsigned index);
  int set_special_registers();
  int place();
  int unplace();
  void write_home();

  int vm_fd_ = -1;
  Fd vcpu_;
  Mapping run_page_;
  Mapping memory_;
  kvm_run* run_ = nullptr;
  bool settled_ = false;
  bool registers_stale_ = true;
  uint32_t slot_ = 0;
  uint64_t home_ = 0;
  uint64_t door_virtual_ = 0;
  uint64_t code_virtual_ = 0;
  uint64_t tables_used_ = 0;
  uint64_t runs_ = 0;
  uint64_t crashes_ = 0;
  // 512 GiB piece of guest-physical space -> entry of the top table.
  std::unordered_map<uint64_t, unsigned> pieces_;
};

}  // namespace gmem::kvm
