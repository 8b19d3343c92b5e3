// fallocate, punch and everything that gives pages back (docs/semantics.md section 8).
#include "core/engine.h"
#include "core/outcome.h"
#include "core/quantity.h"

namespace gmem {

using spec::Counter;

namespace {

Run<Index> block_run(uint64_t block) { return {Index::of_block(block), Index::of_block(block + 1)}; }
}  // namespace

Engine::Errno Engine::op_fallocate(const spec::OpRecord& op, Outcome& out) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned()) return spec::kEINVAL;
  const Run<Index> run = range.pages<Index>();
  if (run.end.value > file->size.value) return spec::kEINVAL;
  for (Index index = run.first; index < run.end; index = index + Pages{1}) {
    if (get_folio(*file, index)) continue;
    set_value(out, spec::kFallocateDone, static_cast<double>((index - run.first).value));
    return spec::kENOMEM;
  }
  return spec::kOk;
}

// What the VMM makes of a hole it could punch (knob vmmPunch).
Run<Index> Engine::vmm_hole(const File& file, Run<Index> run) const {
  if (knobs_.vmm_punch == spec::VmmPunch::kNever) return {run.first, run.first};
  if (knobs_.vmm_punch == spec::VmmPunch::kExact || knobs_.hugepages == spec::Hugepages::kOff) return run;
  const uint64_t huge = knobs_.hugepages == spec::Hugepages::k1G ? uint64_t{1} << kOrder1g : kBlockPages;
  const uint64_t first = (run.first.value + huge - 1) / huge * huge;
  const uint64_t end = run.end.value >= file.size.value ? run.end.value : run.end.value / huge * huge;
  return {Index{first}, Index{end}};
}

Engine::Errno Engine::op_punch(const spec::OpRecord& op, Outcome& out) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  if (!range.positive() || !range.aligned()) return spec::kEINVAL;
  const PunchResult result = punch(*file, vmm_hole(*file, range.pages<Index>()));
  set_value(out, spec::kPunchFreed, static_cast<double>(result.freed));
  set_value(out, spec::kPunchZeroed, 0);
  set_value(out, spec::kPunchSplit, static_cast<double>(result.split));
  return spec::kOk;
}

Engine::PunchResult Engine::punch(File& file, Run<Index> wanted) {
  PunchResult result;
  const Run<Index> run = wanted.clipped_to({Index{0}, Index{file.size.value}});
  if (run.empty()) return result;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = file.pages.next_touched(run.first.block(), end); block < end;
       block = file.pages.next_touched(block + 1, end)) {
    if (!file.pages.word(block).untouched()) punch_block(file, block, block_mask(run, block), result);
  }
  return result;
}

void Engine::punch_block(File& file, uint64_t block, const Bitmap512& mask, PunchResult& result) {
  zap_block(file.pages, block, mask);
  if (file.pages.word(block).huge()) {
    if (mask.all()) {
      free_folio(file, block, result);
      return;
    }
    if (!split_block(file, block)) {
      // The kernel drops a clean folio whole and leaves a dirty one (truncate_inode_partial_folio).
      if (file.pages.marked_bits(block).none()) free_folio(file, block, result);
      return;
    }
    ++result.split;
  }
  const Bitmap512 leaving = file.pages.present_bits(block) & mask;
  if (!leaving.none()) free_pages(file, block, leaving, result);
}

// Frees the 2M folio of the block.
void Engine::free_folio(File& file, uint64_t block, PunchResult& result) {
  const BlockWord word = file.pages.word(block);
  const Pfn first = Pfn::of_block(word.pfn_block());
  if (snp_) {
    if (rmp_.is_huge(first)) {
      make_shared(first);
    } else {
      const Bitmap512 assigned = rmp_.assigned(first.block());
      for (uint32_t i = assigned.next_set(0); i < kBlockPages; i = assigned.next_set(i + 1)) make_shared(first + Pages{i});
    }
  }
  pins_.forget_references(file.serial, block_run(block));
  if (word.poisoned()) {
    for (uint32_t i = 0; i < kBlockPages; ++i) {
      const Index index = Index::of_block(block, i);
      const bool poisoned = file.pages.poisoned(index);
      if (poisoned) file.pages.unpoison(index);
      release_frame(first + Pages{i}, Mobility::kUnmovable, poisoned);
    }
  } else {
    release_block(first, Mobility::kUnmovable);
  }
  if (word.has_line()) file.pages.lines().marked(word.line()).fill(false);
  file.pages.change(block).clear_huge();
  file.pages.tidy(block);
  count(Counter::kFoliosFreed2m);
  result.freed += kBlockPages;
}

// Frees 4K folios of the block. REQUIRES: all of `leaving` are present, no 2M folio holds the block.
void Engine::free_pages(File& file, uint64_t block, const Bitmap512& leaving, PunchResult& result) {
  PageLines& lines = file.pages.lines();
  const uint32_t line = file.pages.word(block).line();
  const uint32_t first_leaving = leaving.next_set(0);
  const Pfn first_pfn = lines.pfn(line, first_leaving);
  bool rmp_done = !snp_;
  if (snp_ && rmp_.is_huge(first_pfn)) {
    // The pages of a split folio whose RMP entry is still one of 2M.
    if (leaving.all()) {
      make_shared(first_pfn);
      rmp_done = true;
    } else {
      smash(first_pfn);
    }
  }
  const bool poisoned_block = file.pages.word(block).poisoned();
  for (uint32_t i = first_leaving; i < kBlockPages; i = leaving.next_set(i + 1)) {
    const Pfn pfn = lines.pfn(line, i);
    RmpEntry entry;
    if (!rmp_done && rmp_.lookup(pfn, entry) && entry.assigned) make_shared(pfn);
    const Index index = Index::of_block(block, i);
    const bool poisoned = poisoned_block && file.pages.poisoned(index);
    if (poisoned) file.pages.unpoison(index);
    release_frame(pfn, Mobility::kUnmovable, poisoned);
  }
  if (pins_.any()) {
    for (uint32_t i = first_leaving; i < kBlockPages; i = leaving.next_set(i + 1)) {
      pins_.dereference(file.serial, Index::of_block(block, i));
    }
  }
  lines.present(line) = and_not(lines.present(line), leaving);
  lines.marked(line) = and_not(lines.marked(line), leaving);
  const uint32_t freed = leaving.count();
  count(Counter::kFoliosFreed4k, freed);
  result.freed += freed;
  file.pages.tidy(block);
}

// RMPUPDATE to shared, of the 2M entry that starts at `pfn` or of the page's own 4K entry.
void Engine::make_shared(Pfn pfn) {
  const bool huge = rmp_.is_huge(pfn);
  if ((huge ? rmp_.make_shared_2m(pfn) : rmp_.make_shared_4k(pfn)) != RmpCode::kOk) {
    count(Counter::kRmpupdateFailed);
    return;
  }
  count(huge ? Counter::kRmpupdate2m : Counter::kRmpupdate4k);
}

// Breaks the 2M RMP entry that holds `pfn`. REQUIRES: there is one.
void Engine::smash(Pfn pfn) {
  rmp_.psmash(Pfn::of_block(pfn.block()));
  count(Counter::kPsmash);
}

// Drops the shared copies of a run: memory of the VMM, so no folio counters.
void Engine::drop_copies(File& file, Run<Index> wanted) {
  if (!file.copies) return;
  PageMap& copies = *file.copies;
  const Run<Index> run = wanted.clipped_to({Index{0}, Index{file.size.value}});
  if (run.empty()) return;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = copies.next_touched(run.first.block(), end); block < end; block = copies.next_touched(block + 1, end)) {
    const Bitmap512 mask = block_mask(run, block);
    const BlockWord word = copies.word(block);
    if (word.huge()) {
      if (mask.all()) {
        release_block(Pfn::of_block(word.pfn_block()), Mobility::kMovable);
        copies.change(block).clear_huge();
        copy_pages_ -= kBlockPages;
        continue;
      }
      copies.split_folio(block);
    }
    const Bitmap512 leaving = copies.present_bits(block) & mask;
    if (leaving.none()) continue;
    const uint32_t line = copies.word(block).line();
    for (uint32_t i = leaving.next_set(0); i < kBlockPages; i = leaving.next_set(i + 1)) {
      release_frame(copies.lines().pfn(line, i), Mobility::kMovable, false);
    }
    copy_pages_ -= leaving.count();
    Bitmap512& present = copies.lines().present(line);
    present = and_not(present, leaving);
    copies.tidy(block);
  }
}

}  // namespace gmem
