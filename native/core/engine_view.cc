// Page views (docs/semantics.md section 13, layout in lib/spec/page-view.ts).
#include <algorithm>

#include "core/engine.h"
#include "core/quantity.h"

namespace gmem {

bool Engine::page_view(uint32_t gmem, int64_t first, uint64_t count_of_pages, uint32_t* into) const {
  const File* file = open_file(gmem);
  if (file == nullptr) return false;
  const Slot* slot = nullptr;
  for (uint64_t i = 0; i < count_of_pages; ++i) {
    uint32_t* words = into + i * spec::kPageViewWords;
    std::fill_n(words, spec::kPageViewWords, 0);
    words[spec::kPageViewPfn] = spec::kNoPfn;
    words[spec::kPageViewSharedPfn] = spec::kNoPfn;
    uint32_t& bits = words[spec::kPageViewBits];
    const Index index{static_cast<uint64_t>(first) + i};
    if (first < 0 || !file->contains(index)) {
      if (in_place_ ? !file->initially_private : !initially_private_) bits |= spec::kPageBitShared;
      continue;
    }
    if (slot == nullptr || !slot->indexes().contains(index)) slot = file->slot_at(index);
    if (!page_private(*file, slot, index)) bits |= spec::kPageBitShared;
    if (slot != nullptr) bits |= spec::kPageBitBound;
    switch (file->pages.leaf_order(index)) {
      case kOrder1g:
        bits |= spec::kPageBitLeaf1g;
        break;
      case kOrder2m:
        bits |= spec::kPageBitLeaf2m;
        break;
      case kOrder4k:
        bits |= spec::kPageBitLeaf4k;
        break;
      default:
        break;
    }
    if (pins_.any() && pins_.referenced(file->serial, index)) bits |= spec::kPageBitPinned;
    if (file->copies && file->copies->present(index)) {
      const Pfn copy = file->copies->pfn(index);
      words[spec::kPageViewSharedPfn] = static_cast<uint32_t>(copy.value);
      if (file->copies->word(index.block()).huge()) bits |= spec::kPageBitSharedCopy2m;
      if (pins_.any() && pins_.pinned(copy)) bits |= spec::kPageBitPinned;
    }
    if (!file->pages.present(index)) continue;
    const Pfn pfn = file->pages.pfn(index);
    words[spec::kPageViewPfn] = static_cast<uint32_t>(pfn.value);
    bits |= spec::kPageBitPresent;
    if (prepared(*file, index)) bits |= spec::kPageBitPrepared;
    const BlockWord word = file->pages.word(index.block());
    if (word.huge()) bits |= spec::kPageBitFolio2m;
    if (word.held() == BlockWord::Held::k1g) bits |= spec::kPageBitFolio1g;
    if (file->pages.poisoned(index)) bits |= spec::kPageBitPoisoned;
    if (pins_.any() && pins_.pinned(pfn)) bits |= spec::kPageBitPinned;
    RmpEntry entry;
    if (!snp_ || !rmp_.lookup(pfn, entry) || !entry.assigned) continue;
    bits |= spec::kPageBitRmpAssigned;
    if (entry.huge) bits |= spec::kPageBitRmp2m;
    if (entry.validated) bits |= spec::kPageBitRmpValidated;
    words[spec::kPageViewRmpGfn] = static_cast<uint32_t>(entry.gfn.value);
    words[spec::kPageViewRmpOwner] = entry.asid | static_cast<uint32_t>(entry.gfn.value >> 32) << 16;
  }
  return true;
}

}  // namespace gmem
