#include "kvm/guest.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "kvm/control.h"
#include "kvm/uapi.h"
#include "spec.gen.h"

namespace gmem::kvm {

#if defined(__x86_64__)

namespace {

constexpr uint64_t kPage = spec::kPageBytes;
constexpr uint64_t kMemoryBytes = 16u << 20;
constexpr uint64_t kGib = uint64_t{1} << 30;
constexpr unsigned kPieceShift = 39;
constexpr uint64_t kPieceMask = (uint64_t{1} << kPieceShift) - 1;
// The code page is page 0 of the home, the top table page 1; the rest are tables as they are needed.
constexpr uint64_t kTopTable = 1;
// User half of the top table, its first and last entry left alone.
constexpr unsigned kFirstPiece = 1;
constexpr unsigned kLastPiece = 254;

constexpr uint64_t kPresentWritableUser = 0x7;
constexpr uint64_t kLargePage = 0x80;
constexpr uint64_t kAddressMask = 0x000ffffffffff000;

// A load and a store of one instruction, and one more.
constexpr int kMostExitsOfOneAccess = 4;

constexpr uint16_t kCodeSelector = 0x33;
constexpr uint16_t kDataSelector = 0x2b;

kvm_segment user_segment(uint16_t selector, uint8_t type, bool code) {
  kvm_segment out{};
  out.limit = 0xffffffff;
  out.selector = selector;
  out.type = type;
  out.present = 1;
  out.dpl = 3;
  out.s = 1;
  out.l = code ? 1 : 0;
  out.db = code ? 0 : 1;
  out.g = 1;
  return out;
}

int set_cpuid(int kvm_fd, int vcpu_fd, unsigned physical_bits) {
  auto cpuid = std::make_unique<Cpuid>();
  cpuid->count = kCpuidEntries;
  if (control(kvm_fd, kGetSupportedCpuid, cpuid.get()) != 0) return errno;
  for (uint32_t i = 0; i < cpuid->count; ++i) {
    CpuidEntry& entry = cpuid->entries[i];
    if (entry.function == 0x80000008) entry.eax = (entry.eax & ~0xff00ffu) | physical_bits;
  }
  return control(vcpu_fd, kSetCpuid2, cpuid.get()) == 0 ? 0 : errno;
}

}  // namespace

int Guest::open(int kvm_fd, int vm_fd, unsigned physical_bits) {
  vm_fd_ = vm_fd;
  vcpu_ = Fd(control(vm_fd, KVM_CREATE_VCPU, 0));
  if (!vcpu_) return errno;
  vcpu_.close_on_exec();
  const int bytes = control(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (bytes < 0) return errno;
  run_page_ = Mapping::shared(vcpu_.get(), static_cast<uint64_t>(bytes), 0);
  if (!run_page_) return errno;
  run_ = reinterpret_cast<kvm_run*>(run_page_.get());
  memory_ = Mapping::shared(-1, kMemoryBytes, 0);
  if (!memory_) return errno;
  return set_cpuid(kvm_fd, vcpu_.get(), physical_bits);
}

int Guest::place() {
  MemoryRegion region{};
  region.slot = slot_;
  region.guest_physical = home_;
  region.size = kMemoryBytes;
  region.user_address = reinterpret_cast<uint64_t>(memory_.get());
  if (control(vm_fd_, kSetUserMemoryRegion2, &region) != 0) return errno;
  settled_ = true;
  write_home();
  return 0;
}

int Guest::unplace() {
  if (!settled_) return 0;
  settled_ = false;
  MemoryRegion region{};
  region.slot = slot_;
  return control(vm_fd_, kSetUserMemoryRegion2, &region) == 0 ? 0 : errno;
}

int Guest::settle(uint32_t slot, uint64_t home) {
  if (const int error = unplace(); error != 0) return error;
  slot_ = slot;
  home_ = home;
  return place();
}

void Guest::write_home() {
  // The memory goes back to the host before it is written again: the tables of the last place are of no use here.
  (void)::madvise(memory_.get(), kMemoryBytes, MADV_REMOVE);
  std::memset(memory_.get(), 0, 2 * kPage);
  std::memcpy(memory_.get(), kProgramBytes, sizeof kProgramBytes);
  pieces_.clear();
  tables_used_ = kTopTable + 1;
  registers_stale_ = true;
  map_gib(home_, code_virtual_);
  code_virtual_ += home_ & (kGib - 1);
  const uint64_t door = home_ + kMemoryBytes;
  map_gib(door, door_virtual_);
  door_virtual_ += door & (kGib - 1);
}

uint64_t* Guest::table_at(uint64_t entry) {
  return reinterpret_cast<uint64_t*>(memory_.get() + ((entry & kAddressMask) - home_));
}

uint64_t Guest::child(uint64_t* table, unsigned index) {
  if (table[index] == 0) {
    const uint64_t page = tables_used_++;
    std::memset(memory_.get() + page * kPage, 0, kPage);
    table[index] = (home_ + page * kPage) | kPresentWritableUser;
  }
  return table[index];
}

// Makes the GiB of `gpa` addressable. False: no tables left, the home has to be written anew.
bool Guest::map_gib(uint64_t gpa, uint64_t& virtual_address) {
  if (tables_used_ + 2 > kMemoryBytes / kPage) return false;
  const uint64_t piece = gpa >> kPieceShift;
  auto it = pieces_.find(piece);
  if (it == pieces_.end()) {
    const unsigned next = kFirstPiece + static_cast<unsigned>(pieces_.size());
    if (next > kLastPiece) return false;
    it = pieces_.emplace(piece, next).first;
  }
  auto* top = reinterpret_cast<uint64_t*>(memory_.get() + kTopTable * kPage);
  uint64_t* gibs = table_at(child(top, it->second));
  const auto gib = static_cast<unsigned>((gpa & kPieceMask) / kGib);
  if (gibs[gib] == 0) {
    // Filled before it is linked in, as an entry must never change once the guest may have walked it.
    uint64_t large[512];
    const uint64_t base = gpa & ~(kGib - 1);
    for (uint64_t i = 0; i < 512; ++i) large[i] = (base + (i << 21)) | kLargePage | kPresentWritableUser;
    const uint64_t page = tables_used_++;
    std::memcpy(memory_.get() + page * kPage, large, kPage);
    gibs[gib] = (home_ + page * kPage) | kPresentWritableUser;
  }
  virtual_address = (uint64_t{it->second} << kPieceShift) | (gpa & kPieceMask & ~(kGib - 1));
  return true;
}

int Guest::set_special_registers() {
  kvm_sregs sregs;
  if (control(vcpu_.get(), KVM_GET_SREGS, &sregs) != 0) return errno;
  sregs.cr0 = 0x80050033;  // PG, AM, WP, NE, ET, MP, PE
  sregs.cr3 = home_ + kTopTable * kPage;
  sregs.cr4 = 0x20;    // PAE
  sregs.efer = 0xd01;  // NXE, LMA, LME, SCE
  sregs.cs = user_segment(kCodeSelector, 0xb, true);
  sregs.ds = user_segment(kDataSelector, 0x3, false);
  sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
  sregs.ldt = {};
  sregs.ldt.unusable = 1;
  sregs.tr.present = 1;
  sregs.tr.type = 0xb;
  return control(vcpu_.get(), KVM_SET_SREGS, &sregs) == 0 ? 0 : errno;
}

GuestAnswer Guest::run(Action action, uint64_t gpa, uint64_t size, uint8_t byte) {
  GuestAnswer all;
  bool first = true;
  for (uint64_t from = gpa, end = gpa + size; from < end;) {
    const uint64_t to = std::min(end, (from & ~(kGib - 1)) + kGib);
    const GuestAnswer piece = run_piece(action, from, to - from, byte);
    const bool differs = !first && piece.completed() && piece.byte != all.byte;
    const bool mixed = all.mixed || piece.mixed || differs;
    const uint8_t seen = first ? piece.byte : all.byte;
    all = piece;
    all.byte = seen;
    all.mixed = mixed;
    first = false;
    if (!piece.completed()) return all;
    from = to;
  }
  return all;
}

GuestAnswer Guest::run_piece(Action action, uint64_t gpa, uint64_t size, uint8_t byte) {
  GuestAnswer failed;
  failed.at = gpa;
  uint64_t base;
  if (!map_gib(gpa, base)) {
    failed.errno_number = settle(slot_, home_);
    if (failed.errno_number != 0) return failed;
    if (!map_gib(gpa, base)) {
      failed.errno_number = ENOSPC;
      return failed;
    }
  }
  uint64_t count = size;
  uint64_t from = gpa;
  if (action == Action::kTouchRead || action == Action::kTouchWrite) {
    from = gpa & ~(kPage - 1);
    count = (gpa + size - from + kPage - 1) / kPage;
  }
  return enter(action, base + (from & (kGib - 1)), from, count, byte);
}

// Ends the access an MMIO exit has left half done: the kernel goes on with it at the next entry, and would hand the
// answer of a load to whatever load comes first. A string instruction would exit once for every byte it still has.
void Guest::finish_access() {
  kvm_regs regs;
  if (control(vcpu_.get(), KVM_GET_REGS, &regs) == 0 && regs.rcx > 1) {
    regs.rcx = 1;
    (void)control(vcpu_.get(), KVM_SET_REGS, &regs);
  }
  run_->immediate_exit = 1;
  for (int i = 0; i < kMostExitsOfOneAccess && ::ioctl(vcpu_.get(), KVM_RUN, 0) == 0; ++i) {
  }
  run_->immediate_exit = 0;
}

GuestAnswer Guest::enter(Action action, uint64_t virtual_address, uint64_t gpa, uint64_t count, uint8_t byte) {
  GuestAnswer out;
  out.at = gpa;
  if (registers_stale_) {
    out.errno_number = set_special_registers();
    if (out.errno_number != 0) return out;
    registers_stale_ = false;
  }
  kvm_regs regs{};
  regs.rip = code_virtual_ + static_cast<uint64_t>(action) * kProgramStride;
  regs.rflags = 0x202;
  regs.rdi = virtual_address;
  regs.rcx = count;
  regs.rax = byte;
  regs.rbx = door_virtual_;
  if (control(vcpu_.get(), KVM_SET_REGS, &regs) != 0) {
    out.errno_number = errno;
    return out;
  }
  ++runs_;
  int error;
  do {
    run_->exit_reason = KVM_EXIT_UNKNOWN;
    error = ::ioctl(vcpu_.get(), KVM_RUN, 0) == 0 ? 0 : errno;
  } while (error == EINTR || (error == 0 && run_->exit_reason == KVM_EXIT_INTR));

  const uint32_t reason = run_->exit_reason;
  if (error == 0 && reason == KVM_EXIT_MMIO && run_->mmio.phys_addr == home_ + kMemoryBytes) {
    out.byte = run_->mmio.data[0];
    if (action != Action::kCompare) return out;
    out.errno_number = control(vcpu_.get(), KVM_GET_REGS, &regs) == 0 ? 0 : errno;
    out.mixed = (regs.rdx & 1) != 0;
    return out;
  }
  if (error == 0 && reason == KVM_EXIT_MMIO) {
    out.mmio = true;
    out.at = run_->mmio.phys_addr;
    finish_access();
    return out;
  }
  if (error == 0) {
    ++crashes_;
    registers_stale_ = true;
    out.errno_number = EIO;
    return out;
  }
  out.errno_number = error;
  if (reason == kExitMemoryFault) {
    MemoryFault fault;
    std::memcpy(&fault, &run_->mmio, sizeof fault);
    out.memory_fault = true;
    out.at = fault.guest_physical;
  } else if (control(vcpu_.get(), KVM_GET_REGS, &regs) == 0) {
    out.at = gpa + (regs.rdi - virtual_address);
  }
  return out;
}

#else

// The vCPU speaks x86-64; elsewhere the capability table says so before any of these is called.
int Guest::open(int, int, unsigned) { return EOPNOTSUPP; }
int Guest::settle(uint32_t, uint64_t) { return EOPNOTSUPP; }
GuestAnswer Guest::run(Action, uint64_t, uint64_t, uint8_t) { return {.errno_number = EOPNOTSUPP}; }

#endif

}  // namespace gmem::kvm
