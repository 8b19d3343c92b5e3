// Figures of this host that need no KVM: system call and clock, anonymous faults, giving memory back, clearing.
//
// Free memory may have been taken back by the host below this one, and its first touch then costs twenty times as much.
// So every fault figure first touches and frees the very memory it then measures; only the first-touch figure takes
// memory as it comes. Clearing walks memory that is held for the life of the object.
#pragma once

#include <cstdint>

#include "calibrate/clear.h"
#include "calibrate/sample.h"
#include "kvm/handles.h"

namespace gmem::calibrate {

class HostFigures {
 public:
  // Bytes that clearing walks at most, a multiple of 1 GiB or less than one.
  explicit HostFigures(uint64_t hold_bytes) : hold_bytes_(hold_bytes) {}

  Sample system_call();
  Sample clock();
  // The next pieces of the held memory, 2M by 2M, as the kernel hands them out. Lacking once all of it is touched.
  Sample thp_first_touch();
  Sample thp_fault();
  Sample anonymous_fault();
  Sample dontneed_4k();
  Sample dontneed_2m_thp();
  Sample dontneed_2m_of_4k();
  // Clears held memory in chunks of `chunk` bytes, ascending.
  Sample clear_walk(ClearBy by, uint64_t chunk);

 private:
  int map_work();
  int map_hold();
  int touch_hold_to(uint64_t end);
  // Work memory as 2M pages, or as 4K ones, all of it present. 0, or the errno.
  int fill_huge();
  int fill_small();
  int discard_work();

  uint64_t hold_bytes_;
  kvm::Mapping hold_mapping_;
  uint8_t* hold_ = nullptr;
  uint64_t hold_touched_ = 0;
  bool hold_huge_ = true;
  kvm::Mapping work_mapping_;
  uint8_t* work_ = nullptr;
};

}  // namespace gmem::calibrate
