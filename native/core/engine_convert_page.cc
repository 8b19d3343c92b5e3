// Conversion in place of one 4K folio, the way guests convert most: no larger folio to split or merge, no reference, no
// poison near. The same as convert_piece (engine_in_place.cc) does with masks of a block, which takes everything else.
#include "core/engine.h"

namespace gmem {

using spec::Counter;

// Runs of 64 indexes that hold a shared one are counted: what the flip of one page makes of its run. `flags`: of the
// run before the flip, as ShareMap has them.
void Engine::recount_shared_group(File& file, Index index, uint64_t flags) {
  const uint64_t first = index.value & ~uint64_t{63};
  const uint64_t left = file.size.value - first;
  const uint64_t inside = left >= 64 ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
  const uint64_t flip = uint64_t{1} << (index.value & 63);
  const auto shared = [&](uint64_t bits) { return ((file.initially_private ? bits : ~bits) & inside) != 0; };
  const auto change = static_cast<uint64_t>(shared(flags ^ flip)) - static_cast<uint64_t>(shared(flags));
  file.shared_groups += change;
  shared_groups_ += change;
}

// The page is there and of its new kind: RMP and contents follow.
void Engine::convert_present_page(File& file, Index index, Pfn pfn, bool to_private, spec::Content content) {
  if (snp_ && !to_private) {
    if (rmp_.is_huge(pfn)) smash(pfn);
    RmpEntry entry;
    if (rmp_.lookup(pfn, entry) && entry.assigned) make_shared(lane_, pfn);
  }
  if (content == spec::Content::kZero) {
    arena_.clear_page(pfn);
    count(Counter::kPagesCleared);
  } else if (content == spec::Content::kPreserve || arch_ == spec::Arch::kPkvm) {
    if (!file.pages.marked(index)) {
      arena_.clear_page(pfn);
      count(Counter::kPagesCleared);
    }
  } else {
    arena_.scramble_page(pfn);
  }
  file.pages.mark(index);
}

// Returns false, with nothing changed, where the page is not that simple. REQUIRES: single_conversions_, the file is
// open; `changed` then says whether its kind was another one.
bool Engine::convert_page(File& file, Index index, bool to_private, spec::Content content, bool& changed) {
  if (pins_.any() || (to_private && knobs_.merge != spec::Merge::kNever)) return false;
  const uint64_t block = index.block();
  const BlockWord word = file.pages.word(block);
  if (!word.small_folios_only()) return false;
  ShareMap& kinds = *file.changed_kinds;
  const bool on = to_private != file.initially_private;
  const uint64_t flags = kinds.flags_of_64(index);
  changed = ((flags >> (index.value & 63)) & 1) != static_cast<uint64_t>(on);
  Pfn pfn;
  if (!changed) {
    // Zeros are promised whatever kind the page had.
    if (content == spec::Content::kZero && file.pages.find(index, pfn)) {
      convert_present_page(file, index, pfn, to_private, content);
    }
    return true;
  }
  kinds.flip(index);
  if (merges_later_) deferred_.take_out(file.serial, block / huge_blocks());
  recount_shared_group(file, index, flags);
  const bool present = file.pages.find(index, pfn);
  if (word.has_line() && file.pages.unmap_small(index)) count(Counter::kZaps4k);
  if (present) convert_present_page(file, index, pfn, to_private, content);
  return true;
}

}  // namespace gmem
