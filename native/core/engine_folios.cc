// Folios of files and copies of shared memory, out of the buddy frames or the pool (docs/semantics.md section 6,
// semantics-designs.md sections 14 and 16).
#include "core/engine.h"

namespace gmem {

using spec::Counter;

bool Engine::wants_huge(const File& file, uint64_t block) const {
  if (hugepages_now_ == spec::Hugepages::kOff || !file.block_inside(block) || !file.pages.block_empty(block))
    return false;
  if (!knobs_.by_attributes) return true;
  const Index first = Index::of_block(block);
  const Slot* slot = file.slot_at(first);
  return slot != nullptr && slot->mappable(first, kOrder2m) && slot->kinds.uniform(slot->gfn_of(first).block());
}

// The lowest free huge page of the pool. Returns false when a split it needs at once is refused.
bool Engine::add_pool_folio(Lane& lane, File& file, Index index) {
  const uint64_t pages = uint64_t{1} << huge_order_;
  const Index first{index.value & ~(pages - 1)};
  bool split = false;
  if (!natural_) {
    for (uint64_t block = first.block(); !split && block < first.block() + huge_blocks(); ++block) {
      split = !private_bits(file, block).all();
    }
  }
  if (split && !vmemmap_available(1)) return false;
  Pfn pfn;
  if (!pool_.take(pfn)) {
    lane.count(Counter::kFallbacks);
    return false;
  }
  --file.reserved_huge_pages;
  const bool giant = huge_order_ == kOrder1g;
  for (uint64_t i = 0; i < huge_blocks(); ++i) {
    file.pages.change(first.block() + i).set_run(giant ? BlockWord::Held::k1g : BlockWord::Held::k2m, pfn.block() + i);
  }
  lane.count(giant ? Counter::kFoliosAllocated1g : Counter::kFoliosAllocated2m);
  ++lane.unsplit_huge;
  lane.hold(pages);
  if (!split) return true;
  uint64_t splits = 0;
  for (uint64_t block = first.block(); block < first.block() + huge_blocks(); ++block) {
    Bitmap512 all;
    all.fill(true);
    const Bitmap512 shared = and_not(all, private_bits(file, block));
    if (!shared.none()) split_for_shared(lane, file, block, shared, splits);
  }
  return true;
}

// The folio of an absent page, and the page's frame.
[[gnu::noinline]] bool Engine::add_folio(Lane& lane, File& file, Index index, Pfn& pfn, bool early) {
  const uint64_t block = index.block();
  if (knobs_.source == spec::Source::kPool) {
    if (!add_pool_folio(lane, file, index)) return false;
    const uint64_t pages = uint64_t{1} << huge_order_;
    const Index first{index.value & ~(pages - 1)};
    if (early) prepare_early(lane, file, {first, first + Pages{pages}});
    pfn = file.pages.pfn(index);
    return true;
  }
  if (wants_huge(file, block)) {
    if (frames_.take_block(Mobility::kUnmovable, pfn)) {
      file.pages.change(block).set_run(BlockWord::Held::k2m, pfn.block());
      lane.count(Counter::kFoliosAllocated2m);
      lane.hold(kBlockPages);
      if (in_place_ && !natural_ && !private_bits(file, block).all()) split_2m(lane, file, block);
      if (early) prepare_early(lane, file, {Index::of_block(block), Index::of_block(block + 1)});
      pfn = pfn + Pages{index.in_block()};
      return true;
    }
    lane.count(Counter::kFallbacks);
    if (!knobs_.fallback) return false;
  }
  if (!frames_.take_page(Mobility::kUnmovable, pfn)) {
    lane.count(Counter::kFallbacks);
    return false;
  }
  file.pages.lines().insert(file.pages.open_line(block), index.in_block(), pfn);
  lane.count(Counter::kFoliosAllocated4k);
  lane.hold(1);
  if (early) prepare_early(lane, file, {index, index + Pages{1}});
  return true;
}

[[gnu::noinline]] bool Engine::get_copy(Lane& lane, File& file, Index index) {
  if (!file.have_copy_map()) return false;
  PageMap& copies = *file.copies;
  if (copies.present(index)) return true;
  const uint64_t block = index.block();
  const bool thp =
      knobs_.shared_order == spec::SharedOrder::kThp && file.block_inside(block) && copies.block_empty(block);
  Pfn pfn;
  uint32_t pages = 1;
  if (thp && frames_.take_block(Mobility::kMovable, pfn)) {
    copies.change(block).set_run(BlockWord::Held::k2m, pfn.block());
    pages = kBlockPages;
  } else if (frames_.take_page(Mobility::kMovable, pfn)) {
    copies.lines().insert(copies.open_line(block), index.in_block(), pfn);
  } else {
    return false;
  }
  lane.count(Counter::kPagesCleared, pages);
  lane.copy_pages += pages;
  lane.peak(Counter::kSharedCopyPagesPeak, lane.copy_pages);
  lane.hold(pages);
  return true;
}

}  // namespace gmem
