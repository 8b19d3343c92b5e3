#include "calibrate/gmem_figures.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

namespace gmem::calibrate {
namespace {

constexpr uint64_t kPage = spec::kPageBytes;
constexpr uint64_t kFreshBytes = uint64_t{64} << 20;
constexpr uint64_t kBothFlags = spec::kCreateFlagMmap | spec::kCreateFlagInitShared;
constexpr uint32_t kSlot = 0;
constexpr int64_t kGpa = int64_t{1} << 30;
constexpr uint32_t kRoundTrips = 200;

// No signal and no handler: every page of the window is inside a file that is shared from the start, so a touch can
// fail only for want of memory.
void touch_window(uint8_t* at, uint64_t bytes) {
  for (uint64_t i = 0; i < bytes; i += kPage) *static_cast<volatile uint8_t*>(at + i) = 1;
}

}  // namespace

const kvm::Capabilities& GmemFigures::capabilities() {
  if (!asked_) {
    caps_ = kvm::probe(kvm_);
    asked_ = true;
  }
  return caps_;
}

Sample GmemFigures::open() {
  if (capabilities().missing != nullptr) return lacking(caps_.missing, caps_.errno_number);
  if (opened_) return {};
  auto machine = std::make_unique<kvm::Machine>();
  if (const int error = machine->open(kvm_.get(), caps_); error != 0) return lacking("KVM_CREATE_VM", error);
  auto file = std::make_shared<kvm::GmemFile>();
  file->flags = caps_.create_flags & kBothFlags;
  file->size = static_cast<int64_t>(bytes_);
  if (const int error = machine->create_file(bytes_, file->flags, file->fd); error != 0) {
    return lacking("KVM_CREATE_GUEST_MEMFD", error);
  }
  if (file->flags == kBothFlags) {
    window_ = kvm::Mapping::shared(file->fd.get(), bytes_, 0);
    if (!window_) return lacking("a mapping of guest_memfd", errno);
  }
  machine_ = std::move(machine);
  file_ = std::move(file);
  if (const int error = bind(); error != 0) return lacking("KVM_SET_USER_MEMORY_REGION2", error);
  opened_ = true;
  return {};
}

int GmemFigures::bind() { return machine_->bind(kSlot, kGpa, static_cast<int64_t>(bytes_), 0, file_); }

Sample GmemFigures::missing(By by) {
  if (const Sample closed = open(); closed.lacks != nullptr) return closed;
  if (by == By::kVcpu && caps_.vcpu_errno != 0) return lacking("a vCPU that reaches gmem", caps_.vcpu_errno);
  if (by == By::kHost && file_->flags != kBothFlags) return lacking("GUEST_MEMFD_FLAG_MMAP", EOPNOTSUPP);
  return {};
}

int GmemFigures::touch(By by, uint64_t offset, uint64_t bytes) {
  if (by == By::kHost) {
    touch_window(window_.get() + offset, bytes);
    return 0;
  }
  const kvm::GuestAnswer answer =
      machine_->run(kvm::Action::kTouchWrite, static_cast<uint64_t>(kGpa) + offset, bytes, 0);
  return answer.mmio ? EFAULT : answer.errno_number;
}

// Takes the pages out of the page tables and leaves them in the file.
int GmemFigures::unmap(By by) {
  if (by == By::kHost) return ::madvise(window_.get(), bytes_, MADV_DONTNEED) == 0 ? 0 : errno;
  if (const int error = machine_->bind(kSlot, kGpa, 0, 0, file_); error != 0) return error;
  return bind();
}

int GmemFigures::punch_range(uint64_t offset, uint64_t bytes) {
  const int mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
  return ::fallocate(file_->fd.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0 ? 0 : errno;
}

int GmemFigures::allocate_range(uint64_t offset, uint64_t bytes) {
  const int mode = FALLOC_FL_KEEP_SIZE;
  return ::fallocate(file_->fd.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0 ? 0 : errno;
}

int GmemFigures::punch_all() { return opened_ ? punch_range(0, bytes_) : 0; }

int GmemFigures::hold(uint64_t bytes) {
  if (!held_) {
    held_ = kvm::Mapping::reserved(bytes_);
    if (!held_ || ::mprotect(held_.get(), bytes_, PROT_READ | PROT_WRITE) != 0) return errno;
    // Whole 2M blocks, where the kernel has them: those are what it hands back, and what comes back from it at once.
    (void)::madvise(held_.get(), bytes_, MADV_HUGEPAGE);
  }
  if (bytes > bytes_ - held_bytes_) return EINVAL;
  touch_window(held_.get() + held_bytes_, bytes);
  held_bytes_ += bytes;
  return 0;
}

void GmemFigures::release(uint64_t bytes) {
  const uint64_t less = std::min(bytes, held_bytes_);
  held_bytes_ -= less;
  if (less > 0) (void)::madvise(held_.get() + held_bytes_, less, MADV_DONTNEED);
}

Sample GmemFigures::touch_range(By by, uint64_t offset, uint64_t bytes) {
  if (const Sample no = missing(by); no.lacks != nullptr) return no;
  int error = 0;
  const Sample out = timed(bytes / kPage, [&] { error = touch(by, offset, bytes); });
  return error == 0 ? out : lacking("a touch of guest_memfd", error);
}

Sample GmemFigures::fault_absent(By by) {
  if (const Sample no = missing(by); no.lacks != nullptr) return no;
  int error = touch(by, 0, kBatchBytes);
  if (error == 0) error = punch_all();
  if (error != 0) return lacking("a touch of guest_memfd", error);
  const Sample out = touch_range(by, 0, kBatchBytes);
  error = punch_all();
  return error == 0 ? out : lacking("FALLOC_FL_PUNCH_HOLE", error);
}

Sample GmemFigures::fault_present(By by) {
  if (const Sample no = missing(by); no.lacks != nullptr) return no;
  int error = touch(by, 0, kBatchBytes);
  if (error == 0) error = unmap(by);
  // Page tables of the guest's own are walked anew after a slot has gone: not what is measured.
  if (error == 0 && by == By::kVcpu) error = touch(by, kBatchBytes - kPage, kPage);
  if (error != 0) return lacking("a touch of guest_memfd", error);
  const Sample out = touch_range(by, 0, kBatchBytes - kPage);
  error = punch_all();
  return error == 0 ? out : lacking("FALLOC_FL_PUNCH_HOLE", error);
}

Sample GmemFigures::first_touch() {
  if (const Sample no = missing(By::kHost); no.lacks != nullptr) return no;
  if (!fresh_) {
    if (const int error = machine_->create_file(kFreshBytes, kBothFlags, fresh_); error != 0) {
      return lacking("KVM_CREATE_GUEST_MEMFD", error);
    }
    fresh_window_ = kvm::Mapping::shared(fresh_.get(), kFreshBytes, 0);
    if (!fresh_window_) return lacking("a mapping of guest_memfd", errno);
  }
  if (fresh_used_ + kBatchBytes > kFreshBytes) return lacking("more untouched memory", ENOMEM);
  uint8_t* const at = fresh_window_.get() + fresh_used_;
  fresh_used_ += kBatchBytes;
  return timed(kBatchBytes / kPage, [&] { touch_window(at, kBatchBytes); });
}

Sample GmemFigures::fallocate(uint64_t run_bytes) {
  if (const Sample no = open(); no.lacks != nullptr) return no;
  int error = allocate_range(0, kBatchBytes);
  if (error == 0) error = punch_all();
  const Sample out = timed(kBatchBytes / run_bytes, [&] {
    for (uint64_t at = 0; at < kBatchBytes && error == 0; at += run_bytes) error = allocate_range(at, run_bytes);
  });
  if (error == 0) error = punch_all();
  return error == 0 ? out : lacking("fallocate", error);
}

Sample GmemFigures::punch(uint64_t run_bytes, bool mapped) {
  if (const Sample no = mapped ? missing(By::kVcpu) : open(); no.lacks != nullptr) return no;
  int error = mapped ? touch(By::kVcpu, 0, kBatchBytes) : allocate_range(0, kBatchBytes);
  const Sample out = timed(kBatchBytes / run_bytes, [&] {
    for (uint64_t at = 0; at < kBatchBytes && error == 0; at += run_bytes) error = punch_range(at, run_bytes);
  });
  return error == 0 ? out : lacking("FALLOC_FL_PUNCH_HOLE", error);
}

Sample GmemFigures::vcpu_round_trip() {
  if (const Sample no = missing(By::kVcpu); no.lacks != nullptr) return no;
  int error = touch(By::kVcpu, 0, kPage);
  const Sample out = timed(kRoundTrips, [&] {
    for (uint32_t i = 0; i < kRoundTrips && error == 0; ++i) error = touch(By::kVcpu, 0, kPage);
  });
  if (error == 0) error = punch_all();
  return error == 0 ? out : lacking("KVM_RUN", error);
}

}  // namespace gmem::calibrate
