// Moves bytes into and out of a mapping whose pages may not be there, without a signal: the kernel copies between the
// mapping and a small memory file, and a page that would be a SIGBUS makes that system call answer EFAULT. No handler,
// nothing process-wide.
#pragma once

#include "kvm/handles.h"

namespace gmem::kvm {

struct CopyResult {
  // 0, or the errno of the first page that failed.
  int errno_number = 0;
  // Bytes moved before it.
  uint64_t done = 0;
};

// What the bytes of a range have in common.
struct Sameness {
  bool any = false;
  bool mixed = false;
  uint8_t byte = 0;

  void join(const Sameness& next) {
    if (!next.any) return;
    if (!any) {
      *this = next;
      return;
    }
    mixed = mixed || next.mixed || next.byte != byte;
  }
};

class UserCopy {
 public:
  // 0, or the errno that kept the memory file from being made.
  int open();

  // Page by page, ascending. REQUIRES: [address, address + bytes) is mapped address space of this process.
  CopyResult fill(uint8_t* address, uint64_t bytes, uint8_t byte);
  CopyResult read(uint8_t* address, uint64_t bytes, Sameness& seen);

 private:
  Fd file_;
  Mapping page_;
};

}  // namespace gmem::kvm
