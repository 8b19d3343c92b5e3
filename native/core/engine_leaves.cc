// Stage-2 leaves: installed, and removed whole (docs/semantics.md section 6 step 9, semantics-designs.md section 16).
#include "core/engine.h"

namespace gmem {

using spec::Counter;

// A 1G leaf over the block goes whole.
void Engine::zap_larger_leaf(Lane& lane, PageMap& pages, uint64_t block) {
  const uint64_t region = block / kRegionBlocks;
  if (!pages.region(region).leaf_1g) return;
  pages.change_region(region).leaf_1g = false;
  lane.count(Counter::kZaps1g);
}

void Engine::zap_block(Lane& lane, File& file, uint64_t block, const Bitmap512& mask, Leaves which) {
  if (tdx_) {
    zap_block_tdx(lane, file, block, mask, which);
    return;
  }
  PageMap& pages = file.pages;
  zap_larger_leaf(lane, pages, block);
  const BlockWord& word = pages.word(block);
  if (word.leaf_2m()) {
    pages.change(block).set_leaf_2m(false);
    lane.count(Counter::kZaps2m);
  } else if (word.has_line()) {
    Bitmap512& leaves = pages.lines().leaves(word.line());
    const Bitmap512 hit = leaves & mask;
    if (hit.none()) return;
    leaves = and_not(leaves, mask);
    lane.count(Counter::kZaps4k, hit.count());
    pages.tidy(block);
  }
}

void Engine::zap_page(Lane& lane, File& file, Index index) {
  PageMap& pages = file.pages;
  const BlockWord word = pages.word(index.block());
  zap_larger_leaf(lane, pages, index.block());
  if (word.leaf_2m()) {
    pages.change(index.block()).set_leaf_2m(false);
    lane.count(Counter::kZaps2m);
  } else if (word.has_line() && pages.unmap_small(index)) {
    lane.count(Counter::kZaps4k);
  }
}

// False when the run was told to end: leaves above some index are still there.
bool Engine::zap(Lane& lane, File& file, Run<Index> run, Leaves which) {
  if (run.empty()) return true;
  if (run.size().value == 1 && !tdx_) {
    zap_page(lane, file, run.first);
    return true;
  }
  const PageMap& pages = file.pages;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = pages.next_touched(run.first.block(), end); block < end;
       block = pages.next_touched(block + 1, end)) {
    if (lane.interrupted()) return false;
    if (!pages.word(block).untouched()) zap_block(lane, file, block, block_mask(run, block), which);
  }
  return true;
}

// Returns the level at which the page is mapped, or would be.
uint32_t Engine::install_leaf(Lane& lane, File& file, Index index, uint32_t level, bool map) {
  const int covering = file.pages.leaf_order(index);
  if (covering >= static_cast<int>(level)) return static_cast<uint32_t>(covering);
  if (!map) return level;
  const uint64_t block = index.block();
  if (level == kOrder4k) {
    file.pages.lines().leaves(file.pages.open_line(block)).set(index.in_block());
    lane.count(Counter::kFaults4k);
    return level;
  }
  const auto zap_all_of = [&](uint64_t of) {
    Bitmap512 everything;
    everything.fill(true);
    zap_block(lane, file, of, everything);
  };
  if (level == kOrder2m) {
    // Not covered yet, so at most by 4K leaves, and those are in a line.
    if (file.pages.word(block).has_line()) [[unlikely]]
      zap_all_of(block);
    file.pages.change(block).set_leaf_2m(true);
    lane.count(Counter::kFaults2m);
    return level;
  }
  const uint64_t region = block / kRegionBlocks;
  for (uint64_t i = 0; i < kRegionBlocks; ++i) zap_all_of(region * kRegionBlocks + i);
  file.pages.change_region(region).leaf_1g = true;
  lane.count(Counter::kFaults1g);
  return level;
}

bool Engine::zap_gfns(Vm& vm, Run<Gfn> run, Leaves which) {
  for (size_t i = vm.first_slot_above(run.first); i < vm.by_gfn.size() && vm.by_gfn[i]->gfns.first < run.end; ++i) {
    Slot& slot = *vm.by_gfn[i];
    if (!zap(lane_, *slot.file, slot.indexes_of(slot.gfns.clipped_to(run)), which)) return false;
  }
  return true;
}

}  // namespace gmem
