// Folios of files and copies of shared memory, out of the buddy frames or the pool (docs/semantics.md section 6,
// semantics-designs.md sections 14 and 16).
#include "core/engine.h"

namespace gmem {

using spec::Counter;

// Frames for a lane: out of the allocator, or beside other lanes out of its reserve. There a refusal is never an
// answer: who is refused depends on who came first, so the lane stalls.
[[gnu::noinline]] bool Engine::take_page_refilled(Lane& lane, Mobility mobility, Pfn& pfn) {
  if (!lane.may_allocate) return lane.stall();
  const SpinGuard guard(lane.locks->frames, lane.figures(LockKind::kFrames));
  if (!lane.reserve.fetch_pages(frames_, mobility)) return lane.stall();
  return lane.reserve.take_page(mobility, pfn);
}

[[gnu::noinline]] bool Engine::take_block_refilled(Lane& lane, Mobility mobility, Pfn& first) {
  if (!lane.may_allocate) return lane.stall();
  const SpinGuard guard(lane.locks->frames, lane.figures(LockKind::kFrames));
  if (!lane.reserve.fetch_blocks(frames_, mobility)) return lane.stall();
  return lane.reserve.take_block(mobility, first);
}

[[gnu::cold]] void Engine::not_held(Lane& lane, PageMap& pages, Index index, Pfn pfn, Mobility mobility) {
  pages.tidy(index.block());
  if (lane.locks == nullptr) {
    frames_.give_page(pfn, mobility);
  } else {
    const SpinGuard guard(lane.locks->frames, lane.figures(LockKind::kFrames));
    frames_.give_page(pfn, mobility);
  }
}

// Out of the file's reservation.
bool Engine::take_huge_page(Lane& lane, File& file, Pfn& first) {
  if (lane.locks == nullptr) [[likely]] {
    if (!pool_.take(first)) return false;
    --file.reserved_huge_pages;
    return true;
  }
  if (!lane.may_allocate) return lane.stall();
  if (!lane.reserve.take_huge_page(huge_order_, first)) {
    const SpinGuard guard(lane.locks->frames, lane.figures(LockKind::kFrames));
    if (!lane.reserve.fetch_huge_pages(pool_)) return lane.stall();
    lane.reserve.take_huge_page(huge_order_, first);
  }
  lane.take_reserved(file);
  return true;
}

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
  if (split && lane.locks != nullptr && knobs_.metadata == spec::Metadata::kHvo) return lane.stall();
  if (split && !vmemmap_available(1)) return false;
  Pfn pfn;
  if (!take_huge_page(lane, file, pfn)) {
    if (lane.stop != Lane::Stop::kNo) return false;
    lane.count(Counter::kFallbacks);
    return false;
  }
  const bool giant = huge_order_ == kOrder1g;
  for (uint64_t i = 0; i < huge_blocks(); ++i) {
    file.pages.hold_run(first.block() + i, giant ? BlockWord::Held::k1g : BlockWord::Held::k2m, pfn.block() + i);
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
    if (take_block(lane, Mobility::kUnmovable, pfn)) {
      file.pages.hold_run(block, BlockWord::Held::k2m, pfn.block());
      lane.count(Counter::kFoliosAllocated2m);
      lane.hold(kBlockPages);
      if (in_place_ && !natural_ && !private_bits(file, block).all()) split_2m(lane, file, block);
      if (early) prepare_early(lane, file, {Index::of_block(block), Index::of_block(block + 1)});
      pfn = pfn + Pages{index.in_block()};
      return true;
    }
    if (lane.stop != Lane::Stop::kNo) return false;
    lane.count(Counter::kFallbacks);
    if (!knobs_.fallback) return false;
  }
  if (!take_page(lane, Mobility::kUnmovable, pfn)) {
    if (lane.stop != Lane::Stop::kNo) return false;
    lane.count(Counter::kFallbacks);
    return false;
  }
  hold_page(lane, file.pages, index, pfn, Mobility::kUnmovable);
  lane.count(Counter::kFoliosAllocated4k);
  lane.hold(1);
  if (early) prepare_early(lane, file, {index, index + Pages{1}});
  return true;
}

[[gnu::noinline]] bool Engine::get_copy(Lane& lane, File& file, Index index) {
  if (!file.copies && lane.locks != nullptr) return lane.stall();
  if (!file.have_copy_map()) return false;
  PageMap& copies = *file.copies;
  if (copies.present(index)) return true;
  const uint64_t block = index.block();
  const bool thp =
      knobs_.shared_order == spec::SharedOrder::kThp && file.block_inside(block) && copies.block_empty(block);
  Pfn pfn;
  uint32_t pages = 1;
  if (thp && take_block(lane, Mobility::kMovable, pfn)) {
    copies.hold_run(block, BlockWord::Held::k2m, pfn.block());
    pages = kBlockPages;
  } else if (lane.stop == Lane::Stop::kNo && take_page(lane, Mobility::kMovable, pfn)) {
    hold_page(lane, copies, index, pfn, Mobility::kMovable);
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
