// Host memory: pressure, frames held and given back (docs/semantics.md section 3).
#include <utility>
#include <vector>

#include "core/engine.h"
#include "core/prng.h"
#include "core/quantity.h"

namespace gmem {

void Engine::let_go(uint64_t pages) { lane_.host_pages -= pages; }

// Bytes that describe the pages held now (section 14).
uint64_t Engine::metadata_modelled() const {
  constexpr uint64_t kStructPageBytes = 64;
  switch (knobs_.metadata) {
    case spec::Metadata::kHvo: {
      const uint64_t in_folios = (lane_.unsplit_huge + lane_.split_huge) << huge_order_;
      return kPageBytes * lane_.unsplit_huge + kStructPageBytes * (lane_.split_huge << huge_order_) +
             kStructPageBytes * (lane_.host_pages - in_folios);
    }
    case spec::Metadata::kStructless:
      return kPageBytes * shared_groups_;
    case spec::Metadata::kStructPage:
      break;
  }
  return kStructPageBytes * lane_.host_pages;
}

// Takes the modelled metadata at the end of an op into its peak. That of struct-page follows from host_pages_peak.
void Engine::note_metadata() {
  if (knobs_.metadata != spec::Metadata::kStructPage) {
    peak(spec::Counter::kMetadataBytesModelledPeak, metadata_modelled());
  }
}

// A page lost its owner: pinned, it becomes an orphan; poisoned, it is never used again; else it is free.
void Engine::release_frame(Pfn pfn, Mobility mobility, bool poisoned) {
  if (pins_.pinned(pfn)) {
    pins_.orphan(pfn, mobility, poisoned);
    return;
  }
  arena_.drop_page(pfn);
  if (poisoned) {
    ++poisoned_out_;
    return;
  }
  frames_.give_page(pfn, mobility);
  let_go(1);
}

// The same for pages of a block that are not poisoned.
void Engine::release_healthy(const PageMap& pages, uint64_t block, const Bitmap512& leaving, Mobility mobility) {
  Pfn frames[kBlockPages];
  const uint32_t count = pages.list_frames(block, leaving, frames);
  if (pins_.any()) {
    for (uint32_t i = 0; i < count; ++i) release_frame(frames[i], mobility, false);
    return;
  }
  for (uint32_t i = 0; arena_.enabled() && i < count; ++i) arena_.drop_page(frames[i]);
  frames_.give_pages(frames, count, mobility);
  let_go(count);
}

void Engine::release_block(Pfn first, Mobility mobility) {
  if (pins_.any()) {
    for (uint32_t i = 0; i < kBlockPages; ++i) release_frame(first + Pages{i}, mobility, false);
    return;
  }
  arena_.drop_block(first);
  frames_.give_block(first, mobility);
  let_go(kBlockPages);
}

// A huge page of the pool lost its file's pages, `poisoned` of them poisoned. While one of its frames is pinned it
// waits; with poison it is out of use for good; else it is free again, for the file if that is still open.
void Engine::release_huge_page(File& file, Pfn first, uint64_t poisoned) {
  const uint64_t pages = uint64_t{1} << huge_order_;
  uint64_t orphans = 0;
  if (pins_.any()) {
    for (const uint64_t pfn : pins_.pinned_in({first, first + Pages{pages}})) {
      pins_.orphan({pfn}, Mobility::kUnmovable, poisoned != 0);
      ++orphans;
    }
  }
  for (uint64_t page = 0; page < pages; page += kBlockPages) arena_.drop_block(first + Pages{page});
  if (file.open) {
    ++file.reserved_huge_pages;
    pool_.reserve_again();
  }
  if (poisoned != 0) {
    poisoned_out_ += pages - orphans;
  } else {
    let_go(pages - orphans);
  }
  if (orphans != 0) {
    pool_.wait_for(first, orphans, poisoned != 0);
  } else {
    huge_page_idle(first, poisoned != 0);
  }
}

// Nothing holds a frame of the huge page any more.
void Engine::huge_page_idle(Pfn first, bool poisoned) {
  return_vmemmap(first);
  if (poisoned) {
    pool_.retire();
  } else {
    pool_.give(first);
  }
}

// The last pin of an orphan is gone.
void Engine::orphan_unpinned(Pfn pfn, const PinnedFrame& frame) {
  if (!pool_.holds(pfn)) {
    release_frame(pfn, frame.mobility, frame.poisoned);
    return;
  }
  arena_.drop_page(pfn);
  if (frame.poisoned) {
    ++poisoned_out_;
  } else {
    let_go(1);
  }
  if (pool_.orphan_gone(pfn)) huge_page_idle(pool_.page_of(pfn), frame.poisoned);
}

namespace {
// Pages of struct pages that a split huge page needs beyond the one it keeps.
uint64_t vmemmap_pages(uint32_t order) { return (uint64_t{1} << order) * 64 / kPageBytes - 1; }
}  // namespace

bool Engine::vmemmap_available(uint64_t huge_pages) const {
  if (knobs_.metadata != spec::Metadata::kHvo) return true;
  return (frames_.total() - frames_.used()).value >= huge_pages * vmemmap_pages(huge_order_);
}

// A pool folio is about to be split. REQUIRES: vmemmap_available(1).
void Engine::take_vmemmap(Lane& lane, Pfn huge_page) {
  if (knobs_.source != spec::Source::kPool) return;
  --lane.unsplit_huge;
  ++lane.split_huge;
  if (knobs_.metadata == spec::Metadata::kHvo) {
    std::vector<Pfn>& pages = vmemmap_[huge_page.value];
    for (uint64_t i = vmemmap_pages(huge_order_); i-- > 0;) {
      Pfn pfn;
      frames_.take_page(Mobility::kUnmovable, pfn);
      pages.push_back(pfn);
    }
  }
}

// A split pool page is one folio again.
void Engine::give_vmemmap(Pfn huge_page) {
  if (knobs_.source != spec::Source::kPool) return;
  --lane_.split_huge;
  ++lane_.unsplit_huge;
  return_vmemmap(huge_page);
}

void Engine::return_vmemmap(Pfn huge_page) {
  const auto pages = vmemmap_.find(huge_page.value);
  if (pages == vmemmap_.end()) return;
  for (const Pfn pfn : pages->second) frames_.give_page(pfn, Mobility::kUnmovable);
  vmemmap_.erase(pages);
}

// Numbers of the wholly free runs of that order, ascending. False when told to end.
bool Engine::list_free_runs(uint32_t order, VirtualArray<uint32_t>& runs, uint64_t& listed) {
  listed = 0;
  const auto put = [&](uint64_t number) {
    runs.expect(listed);
    runs[listed++] = static_cast<uint32_t>(number);
  };
  if (order == kOrder1g) {
    for (uint64_t region = 0; region < frames_.regions(); ++region) {
      if (frames_.region_free(region)) put(region);
    }
    return true;
  }
  if (order == kOrder2m) {
    for (uint64_t block = frames_.next_free_block(0); block != BitTree::kNone;
         block = frames_.next_free_block(block + 1)) {
      if ((listed & (kBlocksBetweenLooks - 1)) == 0 && lane_.interrupted()) return false;
      put(block);
    }
    return true;
  }
  const uint64_t end = host_total_.value >> kBlockShift;
  for (uint64_t block = pool_.frames().value >> kBlockShift; block < end; ++block) {
    if ((block & (kBlocksBetweenLooks - 1)) == 0 && lane_.interrupted()) return false;
    const Bitmap512 free = frames_.free_bits(block);
    for (uint32_t i = free.next_set(0); i < kBlockPages; i = free.next_set(i + 1)) put((block << kBlockShift) + i);
  }
  return true;
}

// Told to end while it lists and shuffles, nothing has changed; later, some of the frames are taken.
Engine::Errno Engine::op_pressure(const spec::OpRecord& op) {
  const int64_t keep = quantity(op.size);
  const int64_t seed = quantity(op.extra);
  if ((op.arg != kOrder4k && op.arg != kOrder2m && op.arg != kOrder1g) || keep < 0 || seed < 0) return spec::kEINVAL;
  const uint32_t run_pages = 1U << op.arg;
  VirtualArray<uint32_t> runs((host_total_.value >> op.arg) + 1);
  uint64_t listed;
  if (!list_free_runs(op.arg, runs, listed)) return spec::kOk;
  Xoshiro128StarStar prng(static_cast<uint32_t>(seed) ^ seed_);
  for (uint64_t i = listed; i-- > 1;) {
    if ((i & (kFramesBetweenLooks - 1)) == 0 && lane_.interrupted()) return spec::kOk;
    std::swap(runs[i], runs[prng.next() % (i + 1)]);
  }
  for (uint64_t i = static_cast<uint64_t>(keep); i < listed; ++i) {
    if ((i & (kFramesBetweenLooks - 1)) == 0 && lane_.interrupted()) return spec::kOk;
    frames_.take_exactly(Pfn{(uint64_t{runs[i]} << op.arg) + prng.next() % run_pages}, Mobility::kUnmovable);
    ++pressure_pages_;
  }
  return spec::kOk;
}

}  // namespace gmem
