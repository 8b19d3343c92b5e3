// Long-term references to pages of this process, as a device would hold them: buffers registered with io_uring, one
// page each. A reference outlives the mapping it was taken through, the file and the VM.
#pragma once

#include <cstdint>
#include <vector>

#include "kvm/handles.h"

namespace gmem::kvm {

class Pins {
 public:
  // Most references at a time: the size io_uring allows for its table.
  static constexpr uint32_t kMost = 1u << 14;

  // 0, or the errno with which this kernel refuses such references.
  int open();
  bool is_open() const { return static_cast<bool>(ring_); }

  // Takes a reference on the page at `address`. 0 and its number, or the errno: EFAULT where the page cannot be had.
  int pin(uint8_t* address, uint32_t& number);
  // REQUIRES: `number` came from pin() and was not given back.
  void unpin(uint32_t number);

 private:
  int update(uint32_t number, uint8_t* address, uint64_t bytes);

  Fd ring_;
  std::vector<uint32_t> free_;
};

}  // namespace gmem::kvm
