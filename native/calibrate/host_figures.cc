#include "calibrate/host_figures.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gmem::calibrate {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kHuge = uint64_t{2} << 20;
constexpr uint64_t kWork = uint64_t{32} << 20;
// Held memory touched in one call, so that a call stays short on a host that has to find the memory first.
constexpr uint64_t kTouchSlice = uint64_t{64} << 20;
constexpr uint64_t kClearSlice = uint64_t{256} << 20;
constexpr uint32_t kCalls = 10'000;

constexpr const char* kNoThp = "transparent huge pages";
constexpr const char* kNoMemory = "memory to measure with";

long minor_faults() {
  rusage usage;
  return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_minflt : 0;
}

void touch(uint8_t* at, uint64_t bytes, uint64_t step) {
  for (uint64_t i = 0; i < bytes; i += step) *static_cast<volatile uint8_t*>(at + i) = 1;
}

// `bytes` of private memory at a 2M boundary inside `mapping`. nullptr on failure, errno says why.
uint8_t* map_private(uint64_t bytes, kvm::Mapping& mapping) {
  mapping = kvm::Mapping::reserved(bytes + kHuge);
  if (!mapping) return nullptr;
  auto* at = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(mapping.get()) + kHuge - 1) / kHuge * kHuge);
  if (::mprotect(at, bytes, PROT_READ | PROT_WRITE) == 0) return at;
  const int error = errno;
  mapping.reset();
  errno = error;
  return nullptr;
}

}  // namespace

Sample HostFigures::system_call() {
  return timed(kCalls, [] {
    for (uint32_t i = 0; i < kCalls; ++i) (void)::syscall(SYS_getppid);
  });
}

Sample HostFigures::clock() {
  return timed(kCalls, [] {
    for (uint32_t i = 0; i < kCalls; ++i) (void)now_ns();
  });
}

int HostFigures::map_work() {
  if (work_ == nullptr) work_ = map_private(kWork, work_mapping_);
  return work_ == nullptr ? errno : 0;
}

int HostFigures::discard_work() {
  if (const int error = map_work(); error != 0) return error;
  return ::madvise(work_, kWork, MADV_DONTNEED) == 0 ? 0 : errno;
}

int HostFigures::fill_huge() {
  if (const int error = discard_work(); error != 0) return error;
  if (::madvise(work_, kWork, MADV_HUGEPAGE) != 0) return errno;
  const long before = minor_faults();
  touch(work_, kWork, kHuge);
  return minor_faults() - before <= static_cast<long>(kWork / kHuge) ? 0 : EOPNOTSUPP;
}

int HostFigures::fill_small() {
  if (const int error = discard_work(); error != 0) return error;
  // A kernel without huge pages refuses the advice, and needs none.
  (void)::madvise(work_, kWork, MADV_NOHUGEPAGE);
  touch(work_, kWork, kPage);
  return 0;
}

int HostFigures::map_hold() {
  if (hold_ != nullptr) return 0;
  hold_ = map_private(hold_bytes_, hold_mapping_);
  if (hold_ == nullptr) return errno;
  hold_huge_ = ::madvise(hold_, hold_bytes_, MADV_HUGEPAGE) == 0;
  return 0;
}

int HostFigures::touch_hold_to(uint64_t end) {
  if (const int error = map_hold(); error != 0) return error;
  if (hold_touched_ >= end) return 0;
  touch(hold_ + hold_touched_, end - hold_touched_, kPage);
  hold_touched_ = end;
  return 0;
}

Sample HostFigures::thp_first_touch() {
  if (const int error = map_hold(); error != 0) return lacking(kNoMemory, error);
  if (!hold_huge_) return lacking(kNoThp, EOPNOTSUPP);
  const uint64_t bytes = std::min(kTouchSlice, hold_bytes_ - hold_touched_);
  if (bytes < kHuge) return lacking("more untouched memory", ENOMEM);
  const long before = minor_faults();
  const Sample out = timed(bytes / kHuge, [&] { touch(hold_ + hold_touched_, bytes, kHuge); });
  hold_huge_ = minor_faults() - before <= static_cast<long>(bytes / kHuge) + 1;
  if (!hold_huge_) return lacking(kNoThp, EOPNOTSUPP);
  hold_touched_ += bytes;
  return out;
}

Sample HostFigures::thp_fault() {
  if (const int error = fill_huge(); error != 0) return lacking(kNoThp, error);
  if (const int error = discard_work(); error != 0) return lacking(kNoMemory, error);
  const long before = minor_faults();
  const Sample out = timed(kWork / kHuge, [&] { touch(work_, kWork, kHuge); });
  const bool whole = minor_faults() - before <= static_cast<long>(kWork / kHuge) + 1;
  return whole ? out : lacking(kNoThp, EOPNOTSUPP);
}

Sample HostFigures::anonymous_fault() {
  if (const int error = fill_small(); error != 0) return lacking(kNoMemory, error);
  if (const int error = discard_work(); error != 0) return lacking(kNoMemory, error);
  return timed(kWork / kPage, [&] { touch(work_, kWork, kPage); });
}

Sample HostFigures::dontneed_4k() {
  if (const int error = fill_small(); error != 0) return lacking(kNoMemory, error);
  return timed(kWork / kPage, [&] {
    for (uint64_t i = 0; i < kWork; i += kPage) (void)::madvise(work_ + i, kPage, MADV_DONTNEED);
  });
}

Sample HostFigures::dontneed_2m_thp() {
  if (const int error = fill_huge(); error != 0) return lacking(kNoThp, error);
  return timed(kWork / kHuge, [&] {
    for (uint64_t i = 0; i < kWork; i += kHuge) (void)::madvise(work_ + i, kHuge, MADV_DONTNEED);
  });
}

Sample HostFigures::dontneed_2m_of_4k() {
  if (const int error = fill_small(); error != 0) return lacking(kNoMemory, error);
  return timed(kWork / kHuge, [&] {
    for (uint64_t i = 0; i < kWork; i += kHuge) (void)::madvise(work_ + i, kHuge, MADV_DONTNEED);
  });
}

Sample HostFigures::clear_walk(ClearBy by, uint64_t chunk) {
  const uint64_t bytes = std::max(chunk, std::min(kClearSlice, hold_bytes_));
  if (bytes > hold_bytes_) return lacking(kNoMemory, ENOMEM);
  if (const int error = touch_hold_to(bytes); error != 0) return lacking(kNoMemory, error);
  bool known = true;
  const Sample out = timed(bytes / chunk, [&] {
    for (uint64_t i = 0; i < bytes && known; i += chunk) known = clear(by, hold_ + i, chunk);
  });
  return known ? out : lacking("such instructions on this processor", EOPNOTSUPP);
}

}  // namespace gmem::calibrate
