// Taking folios apart and putting them together (docs/semantics.md section 11, semantics-designs.md section 17).
#include <algorithm>

#include "core/engine.h"
#include "core/outcome.h"
#include "core/quantity.h"

namespace gmem {

using spec::Counter;

bool Engine::folio_referenced(const File& file, uint64_t first_block, uint64_t blocks) const {
  Index found;
  return first_referenced(file, {Index::of_block(first_block), Index::of_block(first_block + blocks)}, found);
}

// True, counted and an attempt, when a reference refuses the split of the folio that holds the block. `zapped`: where
// the op zaps leaves before it splits. REQUIRES: huge.
bool Engine::refuse_split(File& file, uint64_t block, Run<Index> zapped) {
  const BlockWord word = file.pages.word(block);
  const uint64_t first = folio_first_block(word, block);
  const uint64_t blocks = folio_blocks(word);
  const Run<Index> folio{Index::of_block(first), Index::of_block(first + blocks)};
  if (!folio_referenced(file, first, blocks) && !(tdx_ && mapping_refuses(file, folio, zapped))) return false;
  count(Counter::kSplitFailed);
  pins_.attempt(file.serial, folio);
  return true;
}

// REQUIRES: a 2M folio holds the block.
void Engine::split_2m(Lane& lane, File& file, uint64_t block) {
  Bitmap512 nothing;
  nothing.fill(false);
  zap_larger_leaf(lane, file.pages, block);
  if (file.pages.word(block).leaf_2m()) zap_block(lane, file, block, nothing, leaves_of_file());
  BlockHistory& history = file.pages.change_history(block);
  if (!history.ever_split) {
    history.ever_split = true;
    lane.add(file.split_blocks);
    lane.count(Counter::kSplitDistinct2m);
  }
  if (huge_order_ == kOrder2m) take_vmemmap(lane, file.pages.first_pfn(block));
  file.pages.split_block(block);
  lane.count(Counter::kSplits2m);
}

// Into 2M folios, or at once into 4K ones. REQUIRES: a 1G folio holds the region.
void Engine::split_1g(Lane& lane, File& file, uint64_t region, uint32_t order) {
  const uint64_t first = region * kRegionBlocks;
  Bitmap512 nothing;
  nothing.fill(false);
  zap_larger_leaf(lane, file.pages, first);
  RegionWord& word = file.pages.change_region(region);
  if (!word.ever_split) {
    word.ever_split = true;
    lane.add(file.split_regions);
    lane.count(Counter::kSplitDistinct1g);
  }
  take_vmemmap(lane, file.pages.first_pfn(first));
  if (order == kOrder4k) {
    for (uint64_t block = first; block < first + kRegionBlocks; ++block) {
      if (file.pages.word(block).leaf_2m()) zap_block(lane, file, block, nothing);
    }
  }
  file.pages.hold_region(first, order == kOrder4k ? BlockWord::Held::kSmallRun : BlockWord::Held::k2m);
  lane.count(Counter::kSplits1g);
}

// The folio that holds the block, down to `order`. REQUIRES: it is larger.
void Engine::split_folio(Lane& lane, File& file, uint64_t block, uint32_t order) {
  if (file.pages.word(block).held() == BlockWord::Held::k1g) {
    split_1g(lane, file, block / kRegionBlocks, order);
  } else {
    split_2m(lane, file, block);
  }
}

// The block turned shared, in part or whole: its folio is split as splitTo says.
void Engine::split_for_shared(Lane& lane, File& file, uint64_t block, const Bitmap512& pages, uint64_t& splits) {
  if (pages.none()) return;
  if (file.pages.word(block).held() == BlockWord::Held::k1g) {
    split_1g(lane, file, block / kRegionBlocks, knobs_.split_to == spec::SplitTo::kMinimal ? kOrder2m : kOrder4k);
    ++splits;
  }
  if (file.pages.word(block).held() == BlockWord::Held::k2m) {
    split_2m(lane, file, block);
    ++splits;
  }
}

bool Engine::all_private(const File& file, uint64_t first_block, uint64_t blocks) const {
  return !in_place_ ||
         (file.changed_kinds->uniform(first_block, blocks) && index_private(file, Index::of_block(first_block)));
}

// 4K folios of the block could be one of 2M, references aside.
bool Engine::block_mergeable(const File& file, uint64_t block) const {
  const BlockWord word = file.pages.word(block);
  return !word.huge() && !word.poisoned() && file.pages.contiguous(block) && all_private(file, block, 1);
}

bool Engine::region_mergeable(const File& file, uint64_t region) const {
  const uint64_t first = region * kRegionBlocks;
  if (file.pages.word(first).held() == BlockWord::Held::k1g || !file.pages.contiguous(first)) return false;
  const Pfn base = file.pages.first_pfn(first);
  if (base.value % (uint64_t{1} << kOrder1g) != 0) return false;
  if (file.pages.region_of_runs(first)) return all_private(file, first, kRegionBlocks);
  for (uint64_t i = 0; i < kRegionBlocks; ++i) {
    const uint64_t block = first + i;
    if (file.pages.word(block).poisoned() || !file.pages.contiguous(block)) return false;
    if (file.pages.first_pfn(block) != base + Pages{i * kBlockPages}) return false;
  }
  return all_private(file, first, kRegionBlocks);
}

void Engine::merge_2m(File& file, uint64_t block) {
  BlockHistory& history = file.pages.change_history(block);
  if (!history.ever_merged) {
    history.ever_merged = true;
    ++file.merged_blocks;
    count(Counter::kMergeDistinct2m);
  }
  file.pages.merge_block(block, BlockWord::Held::k2m);
  if (huge_order_ == kOrder2m) give_vmemmap(file.pages.first_pfn(block));
  count(Counter::kMerges2m);
}

void Engine::merge_1g(File& file, uint64_t region) {
  RegionWord& word = file.pages.change_region(region);
  if (!word.ever_merged) {
    word.ever_merged = true;
    ++file.merged_regions;
    count(Counter::kMergeDistinct1g);
  }
  const uint64_t first = region * kRegionBlocks;
  if (file.pages.region_of_runs(first)) {
    file.pages.hold_region(first, BlockWord::Held::k1g);
  } else {
    for (uint64_t block = first; block < first + kRegionBlocks; ++block)
      file.pages.merge_block(block, BlockWord::Held::k1g);
  }
  give_vmemmap(file.pages.first_pfn(first));
  count(Counter::kMerges1g);
}

Engine::Errno Engine::op_split(const spec::OpRecord& op, Outcome& out) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  const bool order_ok = op.arg == kOrder4k || (op.arg == kOrder2m && huge_order_ == kOrder1g);
  if (!range.positive() || !range.aligned() || !order_ok || natural_) return spec::kEINVAL;
  const Run<Index> run = range.pages<Index>();
  if (run.end.value > file->size.value) return spec::kEINVAL;
  uint64_t split = 0;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  uint64_t next = run.first.block();  // behind what was split: its pieces are as asked for
  for (uint64_t block = file->pages.next_touched(next, end); block < end; block = file->pages.next_touched(next, end)) {
    if (lane_.interrupted()) return spec::kOk;
    const BlockWord word = file->pages.word(block);
    next = block + 1;
    if (word.folio_order() <= op.arg) continue;
    next = folio_first_block(word, block) + folio_blocks(word);
    const bool from_pool_size = word.folio_order() == huge_order_;
    const bool referenced = refuse_split(*file, block);
    if (referenced || (from_pool_size && !vmemmap_available(1))) {
      const Index start = Index::of_block(folio_first_block(word, block));
      set_value(out, spec::kSplitOffset, static_cast<double>(Pages{std::max(start, run.first).value}.bytes()));
      return referenced ? spec::kEAGAIN : spec::kENOMEM;
    }
    split_folio(lane_, *file, block, op.arg);
    ++split;
  }
  set_value(out, spec::kSplitSplit, static_cast<double>(split));
  return spec::kOk;
}

Engine::Errno Engine::op_merge(const spec::OpRecord& op, Outcome& out) {
  File* file = open_file(op.gmem);
  if (file == nullptr) return spec::kEBADF;
  const ByteRange range{quantity(op.address), quantity(op.size)};
  const bool order_ok = (op.arg == kOrder2m || op.arg == kOrder1g) && op.arg <= huge_order_;
  if (!range.positive() || !range.aligned() || !order_ok || natural_) return spec::kEINVAL;
  const Run<Index> run = range.pages<Index>();
  if (run.end.value > file->size.value) return spec::kEINVAL;
  const uint64_t blocks = op.arg == kOrder1g ? kRegionBlocks : 1;
  uint64_t merged = 0;
  const uint64_t first_whole = ((run.first + Pages{kBlockPages - 1}).block() + blocks - 1) / blocks * blocks;
  const uint64_t end = run.end.block() / blocks * blocks;
  for (uint64_t block = file->pages.next_touched(first_whole, end); block < end;
       block = file->pages.next_touched(block + blocks, end)) {
    if (lane_.interrupted()) return spec::kOk;
    const bool possible = blocks == 1 ? block_mergeable(*file, block) : region_mergeable(*file, block / kRegionBlocks);
    if (!possible) continue;
    const Run<Index> pages{Index::of_block(block), Index::of_block(block + blocks)};
    if (Index found; first_referenced(*file, pages, found)) {
      pins_.attempt(file->serial, pages);
      set_value(out, spec::kMergeOffset, static_cast<double>(Pages{found.value}.bytes()));
      return spec::kEAGAIN;
    }
    if (blocks == 1) {
      merge_2m(*file, block);
    } else {
      merge_1g(*file, block / kRegionBlocks);
    }
    promote(*file, block, blocks);
    ++merged;
  }
  set_value(out, spec::kMergeMerged, static_cast<double>(merged));
  return spec::kOk;
}

}  // namespace gmem
