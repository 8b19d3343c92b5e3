// What holds of a whole 2M block at once. Most blocks are runs of frames with one owner, one guest in the RMP and
// leaves of one kind: a few words and bitmaps say of them what 512 looks at pages would. Whatever is not so plain is
// left to the checks by page, which also say what does not hold.
#include "core/verifier.h"

namespace gmem {

// The 512 frames from here, a block's, have no owner yet and are not free; now they are owned.
bool Verifier::own_run(Pfn first) {
  const uint64_t block = first.block();
  if (Pfn::of_block(block + 1).value > engine_.host_total_.value) return false;
  uint64_t* const owned = owned_.data() + block * Bitmap512::kWords;
  for (uint32_t w = 0; w < Bitmap512::kWords; ++w) {
    if (owned[w] != 0) return false;
  }
  // A page of the pool is free as a whole, and no smaller than a block.
  if (engine_.pool_.holds(first) ? engine_.pool_.is_free(first) : !engine_.frames_.free_bits(block).none())
    return false;
  for (uint32_t w = 0; w < Bitmap512::kWords; ++w) owned[w] = ~uint64_t{0};
  owned_frames_ += kBlockPages;
  return true;
}

bool Verifier::run_holds(const File& file, uint64_t block, const Bitmap512& marked) {
  const BlockWord word = file.pages.word(block);
  if (!word.run() || (word.has_line() && !file.pages.lines().keeps_run(word.line()))) return false;
  uint64_t assigned = 0;
  if (engine_.snp_ && !rmp_holds(file, block, marked, assigned)) return false;
  if (!own_run(file.pages.first_pfn(block))) return false;
  if (!word.huge()) folios_4k_ += kBlockPages;
  assigned_ += assigned;
  return true;
}

// The RMP entries of a run are those of its guest, and of private pages. REQUIRES: a run.
bool Verifier::rmp_holds(const File& file, uint64_t block, const Bitmap512& marked, uint64_t& assigned) const {
  const Rmp& rmp = engine_.rmp_;
  const Pfn first = file.pages.first_pfn(block);
  if (first.block() >= rmp.blocks()) return false;
  const Bitmap512 held = rmp.assigned(first.block());
  if (!engine_.in_place_ && !and_not(marked, held).none()) return false;
  assigned = held.count();
  if (assigned == 0) return true;
  if (engine_.in_place_ && !and_not(held, engine_.private_bits(file, block)).none()) return false;
  const uint16_t asid = engine_.asid_of(file.vm);
  RmpEntry entry;
  if (rmp.is_huge(first)) return rmp.lookup(first, entry) && entry.asid == asid;
  for (uint32_t i = held.next_set(0); i < kBlockPages; i = held.next_set(i + 1)) {
    if (!rmp.lookup(first + Pages{i}, entry) || entry.asid != asid) return false;
  }
  return true;
}

// REQUIRES: the block has a line, or a leaf of 2M or 1G lies over it.
bool Verifier::leaves_hold(const File& file, uint64_t block) const {
  const PageMap& pages = file.pages;
  const BlockWord word = pages.word(block);
  Bitmap512 all;
  all.fill(true);
  Bitmap512 mapped = all;
  uint32_t order = word.leaf_2m() ? kOrder2m : kOrder1g;
  if (!word.leaf_2m() && !pages.region(block / kRegionBlocks).leaf_1g) {
    mapped = pages.lines().leaves(word.line());
    if (mapped.none()) return true;
    order = kOrder4k;
  } else if (word.has_line() && !pages.lines().leaves(word.line()).none()) {
    return false;
  }
  const Index first = Index::of_block(block);
  const Slot* slot = file.slot_at(first);
  if (slot == nullptr || !file.open || !slot->mappable(first, order == kOrder1g ? kOrder1g : kOrder2m)) return false;
  const uint64_t gfn_block = slot->gfn_of(first).block();
  Bitmap512 shared = engine_.in_place_ ? file.changed_kinds->bits(block) : slot->kinds.bits(gfn_block);
  if (engine_.in_place_ ? !file.initially_private : !engine_.initially_private_) shared = and_not(all, shared);
  Bitmap512 from_copy = mapped & shared;
  if (engine_.served_from_gmem(file, false)) from_copy.fill(false);
  const Bitmap512 from_gmem = and_not(mapped, from_copy);
  if (!and_not(from_gmem, pages.present_bits(block) & pages.marked_bits(block)).none()) return false;
  if (!from_copy.none() && (!file.copies || !and_not(from_copy, file.copies->present_bits(block)).none())) return false;
  if (order != kOrder4k) {
    const bool uniform =
        !engine_.in_place_ ? slot->kinds.uniform(gfn_block) : engine_.one_table_ || file.changed_kinds->uniform(block);
    const PageMap& map = from_copy.none() ? pages : *file.copies;
    if (!uniform || map.word(block).folio_order() < order) return false;
  }
  return !engine_.snp_ || rmp_allows(file, *slot, block, and_not(mapped, shared), order);
}

// The RMP has each of these private pages at its gfn, under a leaf above 4K by an entry of that size. REQUIRES: the
// slot may have leaves of 2M over the block.
bool Verifier::rmp_allows(const File& file, const Slot& slot, uint64_t block, const Bitmap512& mapped,
                          uint32_t order) const {
  if (mapped.none()) return true;
  const uint16_t asid = engine_.asid_of(file.vm);
  const BlockWord word = file.pages.word(block);
  const Gfn gfn = slot.gfn_of(Index::of_block(block));
  if (word.run() && engine_.rmp_.entry_order(file.pages.first_pfn(block), gfn, asid) == int{kOrder2m}) {
    return order <= kOrder2m;
  }
  if (order != kOrder4k) return false;
  for (uint32_t i = mapped.next_set(0); i < kBlockPages; i = mapped.next_set(i + 1)) {
    if (engine_.rmp_.entry_order(file.pages.pfn(Index::of_block(block, i)), gfn + Pages{i}, asid) < 0) return false;
  }
  return true;
}

}  // namespace gmem
