// The part of the KVM interface that distribution headers older than guest_memfd lack, and the calls whose structures
// end in a flexible array: C++ gives such a structure of linux/kvm.h a larger size than C does, so that the call
// numbers built from it are wrong. Numbers and layouts are those of the kernel's user ABI.
#pragma once

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <cstdint>

namespace gmem::kvm {

struct MemoryRegion {
  uint32_t slot;
  uint32_t flags;
  uint64_t guest_physical;
  uint64_t size;
  uint64_t user_address;
  uint64_t gmem_offset;
  uint32_t gmem_fd;
  uint32_t pad1;
  uint64_t pad2[14];
};
static_assert(sizeof(MemoryRegion) == 160);

struct CreateGuestMemfd {
  uint64_t size;
  uint64_t flags;
  uint64_t reserved[6];
};
static_assert(sizeof(CreateGuestMemfd) == 64);

struct CpuidEntry {
  uint32_t function;
  uint32_t index;
  uint32_t flags;
  uint32_t eax, ebx, ecx, edx;
  uint32_t padding[3];
};
inline constexpr uint32_t kCpuidEntries = 256;
struct Cpuid {
  uint32_t count;
  uint32_t padding;
  CpuidEntry entries[kCpuidEntries];
};
struct CpuidHead {
  uint32_t count;
  uint32_t padding;
};

// KVM_EXIT_MEMORY_FAULT's part of kvm_run.
struct MemoryFault {
  uint64_t flags;
  uint64_t guest_physical;
  uint64_t size;
};
inline constexpr uint32_t kExitMemoryFault = 39;

inline constexpr uint32_t kMemGuestMemfd = 1u << 2;
inline constexpr unsigned long kSetUserMemoryRegion2 = _IOW(KVMIO, 0x49, MemoryRegion);
inline constexpr unsigned long kCreateGuestMemfd = _IOWR(KVMIO, 0xd4, CreateGuestMemfd);
inline constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, CpuidHead);
inline constexpr unsigned long kSetCpuid2 = _IOW(KVMIO, 0x90, CpuidHead);

inline constexpr int kCapUserMemory2 = 231;
inline constexpr int kCapMemoryFaultInfo = 232;
inline constexpr int kCapMemoryAttributes = 233;
inline constexpr int kCapGuestMemfd = 234;
inline constexpr int kCapGuestMemfdFlags = 244;

}  // namespace gmem::kvm
