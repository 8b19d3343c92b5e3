// The S-EPT of a TDX guest: its private leaves, mirrored by KVM (docs/semantics-tdx.md section 23).
//
// Stored in the page map as every leaf is; a leaf is private when its page is. Beside it, a flag a page: accepted.
// Always: a private leaf is 4K or 2M; every accepted page lies under a live private leaf; all pages of a 2M leaf are
// accepted or none.
#include "core/engine.h"

namespace gmem {

using spec::Counter;

// The pages of the block under a live private leaf.
Bitmap512 Engine::private_leaves(const File& file, uint64_t block) const {
  const BlockWord& word = file.pages.word(block);
  const Index first = Index::of_block(block);
  Bitmap512 found;
  found.fill(false);
  if (word.leaf_2m()) {
    found.fill(page_private(file, file.slot_at(first), first));
    return found;
  }
  if (!word.has_line()) return found;
  const Bitmap512& leaves = file.pages.lines().leaves(word.line());
  if (in_place_) return leaves & private_bits(file, block);
  const Slot* slot = nullptr;
  for (uint32_t i = leaves.next_set(0); i < kBlockPages; i = leaves.next_set(i + 1)) {
    const Index index = Index::of_block(block, i);
    if (slot == nullptr || !slot->indexes().contains(index)) {
      slot = file.slot_at(index);
      if (slot != nullptr && slot->mappable(index, kOrder2m) && slot->kinds.uniform(slot->gfn_of(index).block())) {
        return page_private(file, slot, index) ? leaves : found;
      }
    }
    if (page_private(file, slot, index)) found.set(i);
  }
  return found;
}

// TDH.MEM.PAGE.AUG. Returns the level at which the page is mapped, or would be. A table of 4K entries stays one: a
// fault under it installs no 2M leaf.
uint32_t Engine::install_sept_leaf(Lane& lane, File& file, Index index, uint32_t level, bool map) {
  const int covering = file.pages.leaf_order(index);
  if (covering >= 0) return static_cast<uint32_t>(covering);
  const uint64_t block = index.block();
  const BlockWord& word = file.pages.word(block);
  const bool table = word.has_line() && !file.pages.lines().leaves(word.line()).none();
  const bool huge = level != kOrder4k && !table;
  const uint32_t order = huge ? kOrder2m : kOrder4k;
  if (!map) return order;
  if (huge) {
    file.pages.change(block).set_leaf_2m(true);
  } else {
    file.pages.lines().leaves(file.pages.open_line(block)).set(index.in_block());
  }
  lane.count(huge ? Counter::kFaults2m : Counter::kFaults4k);
  lane.count(Counter::kSeptAug);
  return order;
}

// TDH.MEM.PAGE.DEMOTE: 512 entries of 4K in place of the block's private 2M leaf, accepted as it was.
void Engine::demote(Lane& lane, File& file, uint64_t block) {
  file.pages.change(block).set_leaf_2m(false);
  file.pages.lines().leaves(file.pages.open_line(block)).fill(true);
  lane.count(Counter::kSeptDemote);
}

// Zaps the leaves of the block over pages of `mask`. A private one that reaches beyond is demoted first; one that goes
// (block, track, TDH.MEM.PAGE.REMOVE) takes the contents of its pages with it.
void Engine::zap_block_tdx(Lane& lane, File& file, uint64_t block, const Bitmap512& mask, Leaves which) {
  PageMap& pages = file.pages;
  if (which != Leaves::kPrivate) zap_larger_leaf(lane, pages, block);
  if (pages.word(block).leaf_2m()) {
    const Bitmap512 held = private_leaves(file, block);
    if (which == (held.none() ? Leaves::kPrivate : Leaves::kShared)) return;
    if (held.none() || mask.all()) {
      pages.change(block).set_leaf_2m(false);
      lane.count(Counter::kZaps2m);
      if (held.none()) return;
      lane.count(Counter::kSeptRemove);
      file.accepted->set(block, held, false);
      arena_.clear_block(pages.first_pfn(block));
      return;
    }
    demote(lane, file, block);
  }
  if (!pages.word(block).has_line()) return;
  Bitmap512& leaves = pages.lines().leaves(pages.word(block).line());
  Bitmap512 going = leaves & mask;
  if (!going.none()) {
    Bitmap512 held = private_leaves(file, block) & mask;
    if (which == Leaves::kPrivate) going = held;
    if (which == Leaves::kShared) {
      going = and_not(going, held);
      held.fill(false);
    }
    for (uint32_t i = held.next_set(0); i < kBlockPages; i = held.next_set(i + 1)) {
      arena_.clear_page(pages.pfn(Index::of_block(block, i)));
    }
    lane.count(Counter::kSeptRemove, held.count());
    file.accepted->set(block, held, false);
    leaves = and_not(leaves, going);
    lane.count(Counter::kZaps4k, going.count());
  }
  pages.tidy(block);
}

// Zaps the leaves over the pages of a piece that a conversion is about to turn: those whose kind flag is not `on`. A
// leaf has the kind its page has, so this comes before the kinds change. Told to end, those above some page stay.
void Engine::zap_turning(File& file, Run<Index> piece, bool on) {
  const uint64_t end = (piece.end - Pages{1}).block() + 1;
  for (uint64_t block = file.pages.next_touched(piece.first.block(), end); block < end;
       block = file.pages.next_touched(block + 1, end)) {
    if (lane_.interrupted()) return;
    const Bitmap512 turning = file.changed_kinds->differing(block, block_mask(piece, block), on);
    if (!turning.none()) zap_block_tdx(lane_, file, block, turning, Leaves::kAll);
  }
}

// With references counted, the module's mapping holds one on each page under a private leaf. `zapped`: the op removes
// what is mapped there before it splits.
bool Engine::mapping_refuses(const File& file, Run<Index> folio, Run<Index> zapped) const {
  if (knobs_.refs != spec::Refs::kCounted) return false;
  for (uint64_t block = folio.first.block(); block < folio.end.block(); ++block) {
    if (!and_not(private_leaves(file, block), block_mask(zapped, block)).none()) return true;
  }
  return false;
}

}  // namespace gmem
