// split, merge, pin, unpin, poison: what refers to pages and what takes them apart (docs/semantics.md section 11).
#include <algorithm>

#include "core/engine.h"
#include "core/outcome.h"
#include "core/quantity.h"

namespace gmem {

using spec::Counter;

bool Engine::block_referenced(const File& file, uint64_t block) const {
  if (!pins_.any()) return false;
  if (pins_.any_referenced(file.serial, {Index::of_block(block), Index::of_block(block + 1)})) return true;
  const Bitmap512 present = file.pages.present_bits(block);
  for (uint32_t i = present.next_set(0); i < kBlockPages; i = present.next_set(i + 1)) {
    if (pins_.pinned(file.pages.pfn(Index::of_block(block, i)))) return true;
  }
  return false;
}

// Splits the 2M folio of the block, or counts the refusal. REQUIRES: huge.
bool Engine::split_block(File& file, uint64_t block) {
  if (block_referenced(file, block)) {
    count(Counter::kSplitFailed);
    pins_.attempt(file.serial, {Index::of_block(block), Index::of_block(block + 1)});
    return false;
  }
  Bitmap512 nothing;
  nothing.fill(false);
  if (file.pages.word(block).leaf_2m()) zap_block(file.pages, block, nothing);
  if (!file.pages.word(block).ever_split()) {
    ++file.split_blocks;
    count(Counter::kSplitDistinct2m);
  }
  file.pages.split_folio(block);
  count(Counter::kSplits2m);
  return true;
}

Engine::Errno Engine::op_split(const spec::OpRecord& op, Outcome& out) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned() || op.arg != kOrder4k) return spec::kEINVAL;
  const Run<Index> run = range.pages<Index>();
  if (run.end.value > file->size.value) return spec::kEINVAL;
  uint64_t split = 0;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = file->pages.next_touched(run.first.block(), end); block < end;
       block = file->pages.next_touched(block + 1, end)) {
    if (!file->pages.word(block).huge()) continue;
    if (!split_block(*file, block)) {
      set_value(out, spec::kSplitOffset, static_cast<double>(Pages{std::max(Index::of_block(block), run.first).value}.bytes()));
      return spec::kEAGAIN;
    }
    ++split;
  }
  set_value(out, spec::kSplitSplit, static_cast<double>(split));
  return spec::kOk;
}

Engine::Errno Engine::op_merge(const spec::OpRecord& op, Outcome& out) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned() || op.arg != kOrder2m || knobs_.hugepages == spec::Hugepages::kOff) {
    return spec::kEINVAL;
  }
  const Run<Index> run = range.pages<Index>();
  if (run.end.value > file->size.value) return spec::kEINVAL;
  uint64_t merged = 0;
  const uint64_t first_whole = (run.first + Pages{kBlockPages - 1}).block();
  const uint64_t end = run.end.block();
  for (uint64_t block = file->pages.next_touched(first_whole, end); block < end; block = file->pages.next_touched(block + 1, end)) {
    const BlockWord word = file->pages.word(block);
    if (word.huge() || word.poisoned() || !file->pages.contiguous(block)) continue;
    if (block_referenced(*file, block)) {
      uint32_t i = 0;
      while (!pins_.pinned(file->pages.pfn(Index::of_block(block, i))) && !pins_.referenced(file->serial, Index::of_block(block, i))) ++i;
      pins_.attempt(file->serial, {Index::of_block(block), Index::of_block(block + 1)});
      set_value(out, spec::kMergeOffset, static_cast<double>(Pages{Index::of_block(block, i).value}.bytes()));
      return spec::kEAGAIN;
    }
    if (!word.ever_merged()) {
      ++file->merged_blocks;
      count(Counter::kMergeDistinct2m);
    }
    file->pages.merge_folio(block);
    count(Counter::kMerges2m);
    ++merged;
  }
  set_value(out, spec::kMergeMerged, static_cast<double>(merged));
  return spec::kOk;
}

// A long-term pin of one page, made present first. REQUIRES: nothing of the index.
Engine::Errno Engine::pin_page(File& file, Index index) {
  if (!file.contains(index)) return spec::kEFAULT;
  const Slot* slot = file.slot_at(index);
  const bool shared = slot != nullptr ? !is_private(vm_record(file.vm), slot, slot->gfn_of(index)) : !initially_private_;
  if (!shared) return spec::kEFAULT;
  Mapping mapping;
  if (file.mmap) {
    if (const Errno error = host_page(file, index, mapping); error != spec::kOk) return error;
  } else {
    if (slot == nullptr) return spec::kEFAULT;
    if (!get_copy(file, index)) return spec::kENOMEM;
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
    Errno error = spec::kOk;
    if (!speculative) {
      error = pin_page(*file, index);
    } else if (!file->contains(index) || !file->pages.present(index)) {
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
    bool found;
    if ((op.flags & spec::kFlagSpeculative) != 0) {
      found = pins_.dereference(serial, index);
    } else {
      Pfn pfn;
      bool released = false;
      PinnedFrame frame;
      found = pins_.unpin(serial, index, pfn, released, frame);
      if (released) release_frame(pfn, frame.mobility, frame.poisoned);
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
  if (file->pages.word(block).huge() && (knobs_.poison == spec::Poison::kFolio || !split_block(*file, block))) {
    unit = {Index::of_block(block), Index::of_block(block + 1)};
  }
  zap(file->pages, unit);
  const Pfn pfn = file->pages.pfn(unit.first);
  if (snp_ && rmp_.is_huge(pfn)) smash(pfn);
  for (Index page = unit.first; page < unit.end; page = page + Pages{1}) file->pages.poison(page);
  return spec::kOk;
}

}  // namespace gmem
