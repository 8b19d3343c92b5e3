// The objects of an engine: gmem files, slots, VMs.
//
// A file is reached by its id while open; closed, it lives on without pages while slots refer to it. A slot belongs to
// its VM and is one range of gfns bound to one range of a file's indexes. Always: slots of a VM are disjoint in gfns,
// bindings of a file are disjoint in indexes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <new>
#include <vector>

#include "core/attributes.h"
#include "core/page_map.h"
#include "core/sync.h"
#include "core/units.h"

namespace gmem {

struct Slot;

struct File {
  File(PageLines& lines, uint32_t file_id, uint64_t file_serial, uint32_t file_vm, Pages file_size, bool file_mmap,
       bool file_init_shared, bool file_initially_private, Growth growth)
      : id(file_id),
        serial(file_serial),
        vm(file_vm),
        size(file_size),
        mmap(file_mmap),
        init_shared(file_init_shared),
        initially_private(file_initially_private),
        by_huge_pages(growth == Growth::kByHugePages),
        pages(lines, file_size, growth) {}

  const uint32_t id;
  const uint64_t serial;
  const uint32_t vm;
  const Pages size;
  const bool mmap;               // shared accesses are served from the file itself
  const bool init_shared;        // pages of the file start shared, so that the host mapping may use them
  const bool initially_private;  // in place: kind of an index that was never converted
  const bool by_huge_pages;      // how the words of its pages become resident
  bool open = true;
  PageMap pages;                               // gmem pages, and the leaves of every access to an index
  std::unique_ptr<PageMap> copies;             // shared copies: memory of the VMM outside gmem
  std::unique_ptr<ShareMap> changed_kinds;     // in place: indexes whose kind is not the initial one
  std::unique_ptr<ShareMap> retained;          // discard: private pages kept under a shared gfn
  std::unique_ptr<ShareMap> accepted;          // tdx: pages under a private leaf that the guest accepted
  std::map<uint64_t, uint64_t> shared_ranges;  // natural: first index -> end of each to-shared range
  std::map<uint64_t, Slot*> bindings;          // by first index
  uint64_t reserved_huge_pages = 0;            // pool pages the file may still take
  uint64_t shared_groups = 0;                  // runs of 64 indexes that hold a shared one
  uint64_t split_blocks = 0;                   // blocks whose 2M folio was ever split
  uint64_t merged_blocks = 0;                  // blocks ever merged into one
  uint64_t split_regions = 0;                  // the same for 1G
  uint64_t merged_regions = 0;
  // Where threads run: what the design's lock scheme takes around a fault, or nullptr. It is the file's own or its
  // VM's.
  ShardedLock* scheme_lock = nullptr;
  std::unique_ptr<ShardedLock> own_lock;

  // Of what a fault writes or reads by its block.
  Growth growth() const { return by_huge_pages ? Growth::kByHugePages : Growth::kWithUse; }
  bool contains(Index index) const { return index.value < size.value; }
  // The aligned block lies wholly inside the file.
  bool block_inside(uint64_t block) const { return Index::of_block(block + 1).value <= size.value; }
  Run<Index> all() const { return {Index{0}, Index{size.value}}; }
  Slot* slot_at(Index index) const;
  // False when the address space does not allow another map of this size.
  bool have_copy_map() {
    try {
      if (!copies) copies = std::make_unique<PageMap>(pages.lines(), size);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }
};

struct Slot {
  Slot(FlagLines& flag_lines, uint32_t slot_number, Run<Gfn> slot_gfns, File& slot_file, Index slot_first)
      : number(slot_number),
        gfns(slot_gfns),
        file(&slot_file),
        first(slot_first),
        distance(slot_gfns.first.value - slot_first.value),
        kinds(flag_lines, slot_gfns, slot_file.growth()) {}

  const uint32_t number;
  Run<Gfn> gfns;  // its end comes down while a deletion goes on, and only then
  File* const file;
  const Index first;        // index of the first gfn
  const uint64_t distance;  // gfn - index, modulo 2^64
  KindMap kinds;

  Run<Index> indexes() const { return {first, first + gfns.size()}; }
  Index index_of(Gfn gfn) const { return first + (gfn - gfns.first); }
  Gfn gfn_of(Index index) const { return gfns.first + (index - first); }
  Run<Index> indexes_of(Run<Gfn> run) const { return {index_of(run.first), index_of(run.end)}; }
  // A mapping of 2^order pages over this index may exist: gfn and index agree modulo its size, and it lies in the
  // window.
  bool mappable(Index index, uint32_t order) const {
    const uint64_t pages = uint64_t{1} << order;
    if (distance % pages != 0) return false;
    const Index aligned{index.value & ~(pages - 1)};
    return indexes().covers({aligned, aligned + Pages{pages}});
  }
};

inline Slot* File::slot_at(Index index) const {
  auto it = bindings.upper_bound(index.value);
  if (it == bindings.begin()) return nullptr;
  Slot* slot = std::prev(it)->second;
  return slot->indexes().contains(index) ? slot : nullptr;
}

struct Vm {
  explicit Vm(uint32_t vm_number) : number(vm_number) {}

  const uint32_t number;
  bool destroyed = false;
  bool runs = false;       // its vCPUs may run: not destroyed and, on tdx, finalized
  bool launching = false;  // a page was populated
  bool finalized = false;
  uint32_t open_files = 0;
  KindRanges changed_kinds;  // unbound gfns whose kind is not the initial one
  std::map<uint32_t, std::unique_ptr<Slot>> slots;
  std::vector<Slot*> by_gfn;
  std::unique_ptr<ShardedLock> mmu_lock;  // where threads run and the scheme takes it

  Slot* slot_at(Gfn gfn) const;
  // Position in by_gfn of the first slot that ends above `gfn`.
  size_t first_slot_above(Gfn gfn) const;
};

}  // namespace gmem
