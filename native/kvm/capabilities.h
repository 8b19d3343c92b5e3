// What this host's kernel can do, asked from the kernel itself: the table behind every EOPNOTSUPP of the kvm engine.
#pragma once

#include <cstdint>

#include "kvm/handles.h"

namespace gmem::kvm {

struct Capabilities {
  // What is missing, nullptr when the engine can run; with the errno it was refused with.
  const char* missing = nullptr;
  int errno_number = 0;

  int api_version = 0;
  // Supported flags of KVM_CREATE_GUEST_MEMFD.
  uint64_t create_flags = 0;
  // Supported bits of KVM_SET_MEMORY_ATTRIBUTES; 0: no private memory.
  uint64_t attributes = 0;
  uint32_t slots = 0;
  bool memory_fault_info = false;
  // Guest-physical addresses below 2^this can be bound: found by trying.
  unsigned physical_bits = 0;
  // A vCPU really reads and writes gmem pages here: found by trying. 0, or the errno it failed with.
  int vcpu_errno = 0;
  // Long-term references to pages can be taken. 0, or the errno of io_uring.
  int pin_errno = 0;
};

// Opens /dev/kvm into `kvm_fd` and asks. Never throws; `missing` says what is not there.
Capabilities probe(Fd& kvm_fd);

}  // namespace gmem::kvm
