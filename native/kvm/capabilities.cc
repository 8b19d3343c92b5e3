#include "kvm/capabilities.h"

#include <cerrno>
#include <cstring>

#include "kvm/control.h"
#include "kvm/guest.h"
#include "kvm/uapi.h"
#include "spec.gen.h"

namespace gmem::kvm {
namespace {

constexpr uint64_t kPage = spec::kPageBytes;
constexpr unsigned kMaxPhysicalBits = 52;
constexpr unsigned kMinPhysicalBits = 36;

Capabilities without(Capabilities caps, const char* what, int error) {
  caps.missing = what;
  caps.errno_number = error;
  return caps;
}

// The widest guest-physical address whose last page can be bound.
unsigned physical_bits(int vm_fd) {
  const Mapping page = Mapping::shared(-1, kPage, 0);
  if (!page) return 0;
  for (unsigned bits = kMaxPhysicalBits; bits >= kMinPhysicalBits; --bits) {
    MemoryRegion region{};
    region.guest_physical = (uint64_t{1} << bits) - kPage;
    region.size = kPage;
    region.user_address = reinterpret_cast<uint64_t>(page.get());
    if (control(vm_fd, kSetUserMemoryRegion2, &region) != 0) continue;
    region.size = 0;
    (void)control(vm_fd, kSetUserMemoryRegion2, &region);
    return bits;
  }
  return 0;
}

// One page of gmem, written by the guest and seen by the host.
int try_vcpu(int kvm_fd, int vm_fd, const Capabilities& caps) {
  const uint64_t flags = spec::kCreateFlagMmap | spec::kCreateFlagInitShared;
  if ((caps.create_flags & flags) != flags) return EOPNOTSUPP;
  CreateGuestMemfd create{};
  create.size = kPage;
  create.flags = flags;
  const Fd file(control(vm_fd, kCreateGuestMemfd, &create));
  if (!file) return errno;
  file.close_on_exec();
  MemoryRegion region{};
  region.flags = kMemGuestMemfd;
  region.guest_physical = 1u << 20;
  region.size = kPage;
  region.gmem_fd = static_cast<uint32_t>(file.get());
  if (control(vm_fd, kSetUserMemoryRegion2, &region) != 0) return errno;
  Guest guest;
  if (const int error = guest.open(kvm_fd, vm_fd, caps.physical_bits); error != 0) return error;
  if (const int error = guest.settle(caps.slots - 1, uint64_t{1} << (caps.physical_bits - 1)); error != 0) return error;
  const GuestAnswer answer = guest.run(Action::kFill, region.guest_physical, kPage, 0x5a);
  if (answer.errno_number != 0) return answer.errno_number;
  const Mapping page = Mapping::shared(file.get(), kPage, 0);
  if (!page) return errno;
  return !answer.mmio && page.get()[0] == 0x5a && page.get()[kPage - 1] == 0x5a ? 0 : ENODATA;
}

}  // namespace

Capabilities probe([[maybe_unused]] Fd& kvm_fd) {
  Capabilities caps;
#if !defined(__x86_64__)
  return without(caps, "an x86-64 host", EOPNOTSUPP);
#else
  kvm_fd = Fd(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm_fd) return without(caps, "/dev/kvm", errno);
  caps.api_version = control(kvm_fd.get(), KVM_GET_API_VERSION, 0);
  if (caps.api_version != KVM_API_VERSION) return without(caps, "KVM_GET_API_VERSION 12", EOPNOTSUPP);
  const Fd vm(control(kvm_fd.get(), KVM_CREATE_VM, 0));
  if (!vm) return without(caps, "KVM_CREATE_VM", errno);
  vm.close_on_exec();
  const auto has = [&](int capability) { return control(vm.get(), KVM_CHECK_EXTENSION, capability); };
  if (has(kCapUserMemory2) <= 0) return without(caps, "KVM_CAP_USER_MEMORY2", EOPNOTSUPP);
  if (has(kCapGuestMemfd) <= 0) return without(caps, "KVM_CAP_GUEST_MEMFD", EOPNOTSUPP);
  const int flags = has(kCapGuestMemfdFlags);
  caps.create_flags = flags > 0 ? static_cast<uint64_t>(flags) : 0;
  const int attributes = has(kCapMemoryAttributes);
  caps.attributes = attributes > 0 ? static_cast<uint64_t>(attributes) : 0;
  caps.memory_fault_info = has(kCapMemoryFaultInfo) > 0;
  const int slots = has(KVM_CAP_NR_MEMSLOTS);
  caps.slots = slots > 0 ? static_cast<uint32_t>(slots) : 32;
  caps.physical_bits = physical_bits(vm.get());
  if (caps.physical_bits == 0) return without(caps, "KVM_SET_USER_MEMORY_REGION2", EINVAL);
  caps.vcpu_errno = try_vcpu(kvm_fd.get(), vm.get(), caps);
  return caps;
#endif
}

}  // namespace gmem::kvm
