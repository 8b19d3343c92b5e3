// fallocate, punch and everything that gives pages back (docs/semantics.md section 8).
#include <algorithm>

#include "core/engine.h"
#include "core/outcome.h"
#include "core/quantity.h"

namespace gmem {

using spec::Counter;

Engine::Errno Engine::op_fallocate(const spec::OpRecord& op, Outcome& out) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned()) return spec::kEINVAL;
  const Run<Index> run = range.pages<Index>();
  if (run.end.value > file->size.value) return spec::kEINVAL;
  for (Index index = run.first; index < run.end; index = index + Pages{1}) {
    if ((index.value & (kPagesBetweenLooks - 1)) == 0 && lane_.interrupted()) return spec::kOk;
    if (get_folio(lane_, *file, index)) continue;
    set_value(out, spec::kFallocateDone, static_cast<double>((index - run.first).value));
    return spec::kENOMEM;
  }
  return spec::kOk;
}

// The part of a run that consists of whole huge ranges, the end of the file counting as a boundary.
Run<Index> Engine::whole_huge_ranges(const File& file, Run<Index> run) const {
  const uint64_t huge = uint64_t{1} << huge_order_;
  const uint64_t first = (run.first.value + huge - 1) / huge * huge;
  const uint64_t end = run.end.value >= file.size.value ? run.end.value : run.end.value / huge * huge;
  return {Index{first}, Index{end}};
}

// What the VMM makes of a hole it could punch (knob vmmPunch).
Run<Index> Engine::vmm_hole(const File& file, Run<Index> run) const {
  if (knobs_.vmm_punch == spec::VmmPunch::kNever) return {run.first, run.first};
  if (knobs_.vmm_punch == spec::VmmPunch::kExact || huge_order_ == kOrder4k) return run;
  return whole_huge_ranges(file, run);
}

Engine::Errno Engine::op_punch(const spec::OpRecord& op, Outcome& out) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned()) return spec::kEINVAL;
  const Run<Index> wanted = range.pages<Index>();
  // A VMM that punches whole huge pages, or nothing, never shows the kernel a hole to refuse.
  if (knobs_.punch == spec::Punch::kRefuse && knobs_.vmm_punch == spec::VmmPunch::kExact) {
    const uint64_t huge = uint64_t{1} << huge_order_;
    if (wanted.first.value % huge != 0) return spec::kEINVAL;
    if (wanted.end.value % huge != 0 && wanted.end.value < file->size.value) return spec::kEINVAL;
  }
  PunchResult result;
  const Run<Index> hole = vmm_hole(*file, wanted);
  if (knobs_.source == spec::Source::kPool) {
    Index refused;
    if (const Errno error = punch_pool(*file, hole, result, refused); error != spec::kOk) {
      set_value(out, spec::kPunchOffset, static_cast<double>(Pages{refused.value}.bytes()));
      return error;
    }
  } else {
    result = punch(*file, hole);
  }
  set_value(out, spec::kPunchFreed, static_cast<double>(result.freed));
  set_value(out, spec::kPunchZeroed, static_cast<double>(result.zeroed));
  set_value(out, spec::kPunchSplit, static_cast<double>(result.split));
  return spec::kOk;
}

// Of buddy memory: the unit is the folio.
Engine::PunchResult Engine::punch(File& file, Run<Index> wanted) {
  PunchResult result;
  const Run<Index> run = wanted.clipped_to(file.all());
  if (run.empty()) return result;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = file.pages.next_touched(run.first.block(), end); block < end;
       block = file.pages.next_touched(block + 1, end)) {
    if (lane_.interrupted()) break;
    if (!file.pages.word(block).untouched()) punch_block(file, block, block_mask(run, block), result);
  }
  return result;
}

void Engine::punch_block(File& file, uint64_t block, const Bitmap512& mask, PunchResult& result) {
  zap_block(lane_, file, block, mask, leaves_of_file());
  if (file.pages.word(block).huge()) {
    if (mask.all()) {
      free_folio(file, block, result);
      return;
    }
    if (knobs_.punch == spec::Punch::kZero) zero_pages(file, block, mask, result);
    if (knobs_.punch != spec::Punch::kSplit) return;
    if (refuse_split(file, block)) {
      // The kernel drops a clean folio whole and leaves a dirty one (truncate_inode_partial_folio).
      if (file.pages.marked_count(block) == 0) free_folio(file, block, result);
      return;
    }
    split_2m(lane_, file, block);
    ++result.split;
  }
  const Bitmap512 leaving = file.pages.present_bits(block) & mask;
  if (!leaving.none()) free_pages(file, block, leaving, result);
}

// Of pool memory: the unit is the huge range, kinds do not change.
Engine::Errno Engine::punch_pool(File& file, Run<Index> wanted, PunchResult& result, Index& refused) {
  const Run<Index> run = wanted.clipped_to(file.all());
  if (run.empty()) return spec::kOk;
  Run<Index> whole = whole_huge_ranges(file, run);
  constexpr uint64_t kRegionPages = uint64_t{1} << kOrder1g;
  while (pins_.any() && !whole.empty()) {
    const Index cut = std::min(whole.end, Index{(whole.first.value | (kRegionPages - 1)) + 1});
    if (first_referenced(file, {whole.first, cut}, refused)) {
      const uint64_t first = refused.block() / huge_blocks() * huge_blocks();
      pins_.attempt(file.serial, {Index::of_block(first), Index::of_block(first + huge_blocks())});
      return spec::kEAGAIN;
    }
    if (lane_.interrupted()) return spec::kOk;
    whole.first = cut;
  }
  if (!zap(lane_, file, run)) return spec::kOk;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  uint64_t block = file.pages.next_touched(run.first.block(), end);
  while (block < end && !lane_.interrupted()) {
    const uint64_t first = block / huge_blocks() * huge_blocks();
    const bool covered = run.covers({Index::of_block(first), Index::of_block(first + huge_blocks())});
    if (covered) {
      if (!file.pages.block_empty(first)) {
        if (!drop_contents(file, first)) break;
        const bool split = file.pages.word(first).folio_order() != huge_order_;
        const bool healthy = !file.pages.any_poisoned({Index::of_block(first), Index::of_block(first + huge_blocks())});
        if (split && healthy) {
          if (huge_order_ == kOrder1g) {
            merge_1g(file, first / kRegionBlocks);
          } else {
            merge_2m(file, first);
          }
        }
        free_huge_page(file, first, result);
      }
      block = file.pages.next_touched(first + huge_blocks(), end);
      continue;
    }
    if (knobs_.punch == spec::Punch::kZero) zero_pages(file, block, block_mask(run, block), result);
    block = file.pages.next_touched(block + 1, end);
  }
  return spec::kOk;
}

}  // namespace gmem
