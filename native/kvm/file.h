// One gmem file of the real kernel, and the memory its slots give to the guest beside it: the shared copy of every
// index, kept in a memory file, so that it belongs to the index and not to the slot.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "kvm/handles.h"
#include "kvm/intervals.h"
#include "spec.gen.h"

namespace gmem::kvm {

struct GmemFile {
  // Empty once closed; the structure lives on while slots refer to it.
  Fd fd;
  uint32_t vm = 0;
  uint64_t flags = 0;
  int64_t size = 0;
  // The copies, made at the first bind of a file without `mmap`.
  Fd copies;
  // Bytes that may be resident, an upper bound: what ops asked for, less what was punched.
  Intervals resident;
  Intervals copy_resident;
  // Numbers of the references on each page, by index, oldest first.
  std::map<uint64_t, std::deque<uint32_t>> pins;

  bool mappable() const { return (flags & spec::kCreateFlagMmap) != 0; }
};

struct Slot {
  uint64_t gpa = 0;
  uint64_t size = 0;
  uint64_t offset = 0;
  std::shared_ptr<GmemFile> file;
  // Where userspace_addr points: the slot's part of the copies; for a file with `mmap`, which the guest is served from
  // directly, address space with nothing in it. It must not be memory of any other use: with shadow paging the kernel
  // prefetches the neighbours of a faulting page from userspace_addr, not from the file (docs/real-kernel.md).
  Mapping user;

  uint64_t end() const { return gpa + size; }
  uint64_t file_offset(uint64_t at) const { return offset + (at - gpa); }
};

}  // namespace gmem::kvm
