// Counts of pages by what their page views say (docs/semantics.md section 13), without making the views.
//
// One bit over whole blocks is a scan of words and lines (page_scan.h). Everything else goes by blocks: the bits of a
// block one question at a time, combined 64 blocks at once.
#include <algorithm>
#include <bit>

#include "core/engine.h"
#include "core/page_scan.h"

namespace gmem {

namespace {

Bitmap512 filled(bool value) {
  Bitmap512 bits;
  bits.fill(value);
  return bits;
}

}  // namespace

int64_t Engine::count_pages(uint32_t gmem, Run<Index> run, const PageQuery& query) const {
  const File* file = open_file(gmem);
  if (file == nullptr) return -1;
  run = run.clipped_to(file->all());
  if (run.empty()) return 0;
  const bool scans = (query.all == spec::kPageBitPresent || query.all == spec::kPageBitLeaf4k ||
                      (query.all == spec::kPageBitPrepared && prepared_as_marked(*file))) &&
                     query.none == 0 && query.any == 0;
  return static_cast<int64_t>(scans ? count_by_scan(*file, run, query.all) : count_by_bits(*file, run, query));
}

// No marked page can lack the RMP entry it needs to be prepared: by discard only poison parts the two (see prepared()).
bool Engine::prepared_as_marked(const File& file) const {
  return !snp_ || (!in_place_ && file.pages.poisoned_indexes().empty());
}

uint64_t Engine::count_by_scan(const File& file, Run<Index> run, uint32_t bit) const {
  const uint64_t first = (run.first + Pages{kBlockPages - 1}).block();
  // The last block of the file is whole as far as there is anything in it.
  const uint64_t end = run.end == file.all().end ? file.pages.blocks() : run.end.block();
  if (first >= end) return count_by_bits(file, run, {bit});
  const Index whole_end = std::min(Index::of_block(end), run.end);
  uint64_t pages = count_by_bits(file, {run.first, Index::of_block(first)}, {bit}) +
                   count_by_bits(file, {whole_end, run.end}, {bit});
  // Lines of copies have neither marks nor leaves.
  const bool alone = files_.size() == 1;
  const PageScan scan(file.pages, simd_);
  switch (bit) {
    case spec::kPageBitPresent:
      return pages + scan.present(first, end, alone && !file.copies);
    case spec::kPageBitPrepared:
      return pages + scan.marked(first, end, alone);
    default:
      return pages + scan.small_leaves(first, end, alone);
  }
}

uint64_t Engine::count_by_bits(const File& file, Run<Index> run, const PageQuery& query) const {
  constexpr uint64_t kBatch = 64;
  if (run.empty()) return 0;
  uint64_t pages = 0;
  Bitmap512 wanted[kBatch];
  Bitmap512 some[kBatch];
  Bitmap512 bits[kBatch];
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = run.first.block(); block < end; block += kBatch) {
    const uint64_t n = std::min(kBatch, end - block);
    const auto each = [&](uint32_t asked, auto combine) {
      for (uint32_t left = asked; left != 0; left &= left - 1) {
        for (uint64_t i = 0; i < n; ++i) bits[i] = view_bits(file, block + i, uint32_t{1} << std::countr_zero(left));
        combine();
      }
    };
    for (uint64_t i = 0; i < n; ++i) wanted[i] = block_mask(run, block + i);
    each(query.all, [&] { simd_.keep(wanted, bits, n); });
    if (simd_.first_other(wanted, n, 0) == n) continue;
    each(query.none, [&] { simd_.remove(wanted, bits, n); });
    if (query.any != 0) {
      for (uint64_t i = 0; i < n; ++i) some[i].fill(false);
      each(query.any, [&] { simd_.add(some, bits, n); });
      simd_.keep(wanted, some, n);
    }
    pages += simd_.count(wanted, n);
  }
  return pages;
}

// The pages of a block that have a bit of their page view set.
Bitmap512 Engine::view_bits(const File& file, uint64_t block, uint32_t bit) const {
  const PageMap& pages = file.pages;
  const BlockWord& word = pages.word(block);
  switch (bit) {
    case spec::kPageBitPresent:
      return pages.present_bits(block);
    case spec::kPageBitPrepared:
      return prepared_bits(file, block);
    case spec::kPageBitFolio2m:
      return filled(word.huge());
    case spec::kPageBitFolio1g:
      return filled(word.held() == BlockWord::Held::k1g);
    case spec::kPageBitLeaf4k:
      return word.has_line() ? pages.lines().leaves(word.line()) : filled(false);
    case spec::kPageBitLeaf2m:
      return filled(word.leaf_2m());
    case spec::kPageBitLeaf1g:
      return filled(pages.region(block / kRegionBlocks).leaf_1g);
    case spec::kPageBitShared:
      return shared_bits(file, block);
    case spec::kPageBitBound:
      return bound_bits(file, block);
    case spec::kPageBitPinned:
      return pinned_bits(file, block);
    case spec::kPageBitPoisoned: {
      Bitmap512 bits = filled(false);
      const Index first = Index::of_block(block);
      for (auto it = pages.poisoned_indexes().lower_bound(first.value);
           word.poisoned() && it != pages.poisoned_indexes().end() && *it < first.value + kBlockPages; ++it) {
        if (pages.present({*it})) bits.set(Index{*it}.in_block());
      }
      return bits;
    }
    case spec::kPageBitSharedCopy2m:
      return filled(file.copies && file.copies->word(block).huge());
    case spec::kPageBitRmpAssigned:
    case spec::kPageBitRmp2m:
    case spec::kPageBitRmpValidated:
      return rmp_bits(file, block, bit);
    default:  // rmpImmutable: no op of the engine makes an entry immutable
      return filled(false);
  }
}

Bitmap512 Engine::shared_bits(const File& file, uint64_t block) const {
  if (in_place_) return and_not(filled(true), private_bits(file, block));
  Bitmap512 shared = filled(!initially_private_);
  const Run<Index> all{Index::of_block(block), Index::of_block(block + 1)};
  for (Index at = all.first; at < all.end;) {
    const auto next = file.bindings.upper_bound(at.value);
    const Slot* slot = file.slot_at(at);
    if (slot == nullptr) {
      if (next == file.bindings.end()) break;
      at = {next->first};
      continue;
    }
    const Run<Index> part = slot->indexes().clipped_to(all);
    slot->kinds.for_each_flagged({slot->gfn_of(part.first), slot->gfn_of(part.end)}, [&](Run<Gfn> flagged) {
      const Bitmap512 mask = block_mask(slot->indexes_of(flagged), block);
      shared = initially_private_ ? shared | mask : and_not(shared, mask);
    });
    at = part.end;
  }
  return shared;
}

Bitmap512 Engine::bound_bits(const File& file, uint64_t block) const {
  Bitmap512 bound = filled(false);
  auto it = file.bindings.upper_bound(Index::of_block(block).value);
  if (it != file.bindings.begin()) --it;
  for (; it != file.bindings.end() && it->first < Index::of_block(block + 1).value; ++it) {
    bound = bound | block_mask(it->second->indexes(), block);
  }
  return bound;
}

// Marked and, where private on snp, assigned; as prepared() says of one page.
Bitmap512 Engine::prepared_bits(const File& file, uint64_t block) const {
  const Bitmap512 marked = file.pages.marked_bits(block);
  if (prepared_as_marked(file) || marked.none()) return marked;
  const Bitmap512 needs_entry = and_not(marked, shared_bits(file, block));
  if (needs_entry.none()) return marked;
  return and_not(marked, and_not(needs_entry, rmp_bits(file, block, spec::kPageBitRmpAssigned)));
}

Bitmap512 Engine::pinned_bits(const File& file, uint64_t block) const {
  Bitmap512 pinned = filled(false);
  if (!pins_.any()) return pinned;
  const Run<Index> all = Run<Index>{Index::of_block(block), Index::of_block(block + 1)}.clipped_to(file.all());
  for (Index index = all.first; index < all.end; index = index + Pages{1}) {
    if (pins_.referenced(file.serial, index) ||
        (file.copies && file.copies->present(index) && pins_.pinned(file.copies->pfn(index))) ||
        (file.pages.present(index) && pins_.pinned(file.pages.pfn(index)))) {
      pinned.set(index.in_block());
    }
  }
  return pinned;
}

// What the RMP says of the present pages: assigned, by a 2M entry, validated.
Bitmap512 Engine::rmp_bits(const File& file, uint64_t block, uint32_t bit) const {
  Bitmap512 bits = filled(false);
  if (!snp_) return bits;
  const auto has = [&](Pfn pfn) {
    RmpEntry entry;
    return rmp_.lookup(pfn, entry) && entry.assigned &&
           (bit == spec::kPageBitRmpAssigned || (bit == spec::kPageBitRmp2m ? entry.huge : entry.validated));
  };
  if (file.pages.word(block).run()) {
    const Pfn first = file.pages.first_pfn(block);
    if (rmp_.block_unassigned(first.block())) return bits;
    if (rmp_.is_huge(first)) return filled(has(first));
  }
  const Bitmap512 present = file.pages.present_bits(block);
  for (uint32_t i = present.next_set(0); i < kBlockPages; i = present.next_set(i + 1)) {
    if (has(file.pages.pfn(Index::of_block(block, i)))) bits.set(i);
  }
  return bits;
}

}  // namespace gmem
