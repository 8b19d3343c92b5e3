// Promotion: after a merge, small mappings of the merged folio become large ones again (docs/semantics-tdx.md section
// 24).
#include "core/engine.h"

namespace gmem {

using spec::Counter;

// A private access to any page of the block could be mapped at 2M. REQUIRES: a folio above 4K holds it.
bool Engine::mappable_2m(const File& file, const Slot* slot, uint64_t block) const {
  const Index first = Index::of_block(block);
  if (slot == nullptr || mapping_order(*slot, file.pages, first) < kOrder2m) return false;
  return page_private(file, slot, first) && (in_place_ || slot->kinds.uniform(slot->gfn_of(first).block()));
}

// snp: the RMP has 512 4K entries for the block, of this guest at the gfns its slot gives its pages.
bool Engine::rmp_rebuildable(const File& file, const Slot& slot, uint64_t block) const {
  const Pfn first = file.pages.first_pfn(block);
  if (rmp_.is_huge(first) || !rmp_.assigned(first.block()).all()) return false;
  const Gfn gfn = slot.gfn_of(Index::of_block(block));
  for (uint32_t i = 0; i < kBlockPages; ++i) {
    RmpEntry entry;
    rmp_.lookup(first + Pages{i}, entry);
    if (entry.asid != asid_of(file.vm) || entry.gfn != gfn + Pages{i}) return false;
  }
  return true;
}

// snp: there is no un-smash, so the entries are given up and made anew as one. Contents stay.
void Engine::rebuild_rmp(File& file, uint64_t block) {
  const Slot* slot = file.slot_at(Index::of_block(block));
  if (!mappable_2m(file, slot, block) || !rmp_rebuildable(file, *slot, block)) return;
  Bitmap512 all;
  all.fill(true);
  zap_block(lane_, file, block, all);
  const Pfn first = file.pages.first_pfn(block);
  for (uint32_t i = 0; i < kBlockPages; ++i) make_shared(lane_, first + Pages{i});
  reassign_2m(lane_, first, slot->gfn_of(Index::of_block(block)), asid_of(file.vm));
  count(Counter::kPromotions);
}

// none and pkvm: leaves smaller than the folio go, and with them all others; the next fault maps it whole.
void Engine::rebuild_table(File& file, uint64_t first_block, uint64_t blocks) {
  bool smaller = false;
  for (uint64_t block = first_block; !smaller && block < first_block + blocks; ++block) {
    const BlockWord word = file.pages.word(block);
    smaller = (blocks != 1 && word.leaf_2m()) || (word.has_line() && !file.pages.lines().leaves(word.line()).none());
  }
  if (!smaller) return;
  if (zap(lane_, file, {Index::of_block(first_block), Index::of_block(first_block + blocks)})) {
    count(Counter::kPromotions);
  }
}

// TDH.MEM.PAGE.PROMOTE: one entry in place of 512, all of them accepted or none.
void Engine::promote_sept(File& file, uint64_t block) {
  const BlockWord word = file.pages.word(block);
  if (!word.has_line() || !file.pages.lines().leaves(word.line()).all()) return;
  if (!file.accepted->uniform(block) || !mappable_2m(file, file.slot_at(Index::of_block(block)), block)) return;
  file.pages.lines().leaves(word.line()).fill(false);
  file.pages.change(block).set_leaf_2m(true);
  file.pages.tidy(block);
  count(Counter::kSeptPromote);
  count(Counter::kPromotions);
}

// A folio was merged.
void Engine::promote(File& file, uint64_t first_block, uint64_t blocks) {
  if (knobs_.promote == spec::Promote::kNone) return;
  if (knobs_.promote == spec::Promote::kRebuild && !snp_) {
    if (!tdx_) rebuild_table(file, first_block, blocks);
    return;
  }
  for (uint64_t block = first_block; block < first_block + blocks; ++block) {
    if (knobs_.promote == spec::Promote::kRebuild) {
      rebuild_rmp(file, block);
    } else if (tdx_) {
      promote_sept(file, block);
    }
  }
}

}  // namespace gmem
