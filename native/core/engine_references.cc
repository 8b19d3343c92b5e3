// pin, unpin, poison: what refers to pages from outside (docs/semantics.md section 11).
#include <algorithm>

#include "core/engine.h"
#include "core/outcome.h"
#include "core/quantity.h"

namespace gmem {

using spec::Counter;

// Lowest index of the run whose page is pinned or speculatively referenced.
bool Engine::first_referenced(const File& file, Run<Index> run, Index& found) const {
  if (!pins_.any()) return false;
  const Index speculative = pins_.first_referenced(file.serial, run);
  Index pinned = run.end;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = file.pages.next_touched(run.first.block(), end); block < end && pinned == run.end;
       block = file.pages.next_touched(block + 1, end)) {
    const Bitmap512 present = file.pages.present_bits(block) & block_mask(run, block);
    for (uint32_t i = present.next_set(0); i < kBlockPages; i = present.next_set(i + 1)) {
      if (!pins_.pinned(file.pages.pfn(Index::of_block(block, i)))) continue;
      pinned = Index::of_block(block, i);
      break;
    }
  }
  found = std::min(speculative, pinned);
  return found < run.end;
}

// A long-term pin of one page, made present first. REQUIRES: nothing of the index.
Engine::Errno Engine::pin_page(File& file, Index index) {
  if (!file.contains(index)) return spec::kEFAULT;
  const Slot* slot = file.slot_at(index);
  if (page_private(file, slot, index)) return spec::kEFAULT;
  Mapping mapping;
  if (in_place_ && !file.mmap) return spec::kEFAULT;
  if (file.mmap) {
    if (const Errno error = host_page(file, index, mapping); error != spec::kOk) return error;
  } else {
    if (slot == nullptr) return spec::kEFAULT;
    if (!get_copy(lane_, file, index)) return spec::kENOMEM;
    mapping.pfn = file.copies->pfn(index);
  }
  pins_.pin(file.serial, index, mapping.pfn);
  return spec::kOk;
}

Engine::Errno Engine::op_pin(const spec::OpRecord& op, Outcome& out) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned()) return spec::kEINVAL;
  const bool speculative = (op.flags & spec::kFlagSpeculative) != 0;
  if (!speculative && knobs_.pins == spec::Pins::kForbid) return spec::kEPERM;
  const Run<Index> run = range.pages<Index>();
  for (Index index = run.first; index < run.end; index = index + Pages{1}) {
    if ((index.value & (kPagesBetweenLooks - 1)) == 0 && lane_.interrupted()) return spec::kOk;
    Errno error = spec::kOk;
    if (!speculative) {
      error = pin_page(*file, index);
    } else if (!file->contains(index) || !file->pages.present(index)) {
      error = spec::kENOENT;
    } else if (knobs_.refs == spec::Refs::kFrozen && page_private(*file, file->slot_at(index), index)) {
      error = spec::kENOENT;
    } else {
      pins_.reference(file->serial, index, op.arg);
    }
    if (error == spec::kOk) continue;
    set_value(out, spec::kPinDone, static_cast<double>((index - run.first).value));
    return error;
  }
  return spec::kOk;
}

Engine::Errno Engine::op_unpin(const spec::OpRecord& op, Outcome& out) {
  uint64_t serial = 0;
  if (const File* file = open_file(op.gmem); file != nullptr) {
    serial = file->serial;
  } else {
    const auto closed = last_closed_.find(op.gmem);
    if (closed == last_closed_.end() || !pins_.file_has_pins(closed->second)) return spec::kEBADF;
    serial = closed->second;
  }
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned()) return spec::kEINVAL;
  const Run<Index> run = range.pages<Index>();
  for (Index index = run.first; index < run.end; index = index + Pages{1}) {
    if ((index.value & (kPagesBetweenLooks - 1)) == 0 && lane_.interrupted()) return spec::kOk;
    bool found;
    if ((op.flags & spec::kFlagSpeculative) != 0) {
      found = pins_.dereference(serial, index);
    } else {
      Pfn pfn;
      bool released = false;
      PinnedFrame frame;
      found = pins_.unpin(serial, index, pfn, released, frame);
      if (released) orphan_unpinned(pfn, frame);
    }
    if (found) continue;
    set_value(out, spec::kUnpinDone, static_cast<double>((index - run.first).value));
    return spec::kEINVAL;
  }
  return spec::kOk;
}

Engine::Errno Engine::op_poison(const spec::OpRecord& op) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  const int64_t offset = quantity(op.address);
  if (offset < 0 || offset % static_cast<int64_t>(kPageBytes) != 0) return spec::kEINVAL;
  const Index index{static_cast<uint64_t>(offset) >> kPageShift};
  if (!file->contains(index)) return spec::kEINVAL;
  if (!file->pages.present(index)) return spec::kENOENT;
  if (file->pages.poisoned(index)) return spec::kOk;
  const uint64_t block = index.block();
  Run<Index> unit{index, index + Pages{1}};
  const BlockWord word = file->pages.word(block);
  if (word.huge()) {
    const uint64_t first = folio_first_block(word, block);
    const uint64_t blocks = folio_blocks(word);
    if (knobs_.poison == spec::Poison::kFolio || natural_ || refuse_split(*file, block) || !vmemmap_available(1)) {
      unit = {Index::of_block(first), Index::of_block(first + blocks)};
    } else {
      split_folio(lane_, *file, block, kOrder4k);
    }
  }
  if (!zap(lane_, *file, unit, leaves_of_file())) return spec::kOk;
  for (uint64_t at = unit.first.block(); snp_ && at <= (unit.end - Pages{1}).block(); ++at) {
    const Pfn pfn = file->pages.pfn(std::max(unit.first, Index::of_block(at)));
    if (rmp_.is_huge(pfn)) smash(pfn);
  }
  file->pages.poison(unit);
  return spec::kOk;
}

}  // namespace gmem
