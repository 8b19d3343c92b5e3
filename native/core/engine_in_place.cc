// Conversion in place (docs/semantics-designs.md section 18) and what the host table of shared parts would hold
// (section 20).
#include <algorithm>
#include <bit>
#include <vector>

#include "core/engine.h"
#include "core/outcome.h"

namespace gmem {

using spec::Counter;

// One convert op on its way.
struct Engine::Conversion {
  bool to_private;
  spec::Content content;
  uint64_t changed = 0;
  uint64_t splits = 0;
  uint64_t merges = 0;
  Index refused{0};  // first offending index of a failing piece
  std::vector<ChangedBlocks> blocks = {};
};

bool Engine::content_supported(const Vm& vm, spec::Content content, bool to_private) const {
  switch (content) {
    case spec::Content::kZero:
      return !to_private;
    case spec::Content::kPreserve:
      return arch_ == spec::Arch::kNone || arch_ == spec::Arch::kPkvm || (to_private && !vm.finalized);
    default:
      return true;
  }
}

// Runs of 64 indexes of the block that hold a shared one.
uint64_t Engine::shared_groups(const File& file, uint64_t block) const {
  const Bitmap512 shared = and_not(block_mask(file.all(), block), private_bits(file, block));
  uint64_t groups = 0;
  for (const uint64_t word : shared.words) groups += word != 0;
  return groups;
}

// Some index of the run is of the other kind; means nothing when the run was told to end.
bool Engine::any_differing(const ShareMap& kinds, Run<Index> run, bool on) {
  if (run.size().value == 1) return kinds.flagged(run.first) != on;
  const uint64_t end = (run.end - Pages{1}).block() + 1;
  for (uint64_t block = run.first.block(); block < end; ++block) {
    if (!kinds.differing(block, block_mask(run, block), on).none()) return true;
    if ((block & (kBlocksBetweenLooks - 1)) == 0 && lane_.interrupted()) return false;
  }
  return false;
}

// What refuses the piece; means nothing when the run was told to end.
Engine::Errno Engine::check_to_private(Conversion& conversion, File& file, Run<Index> piece) {
  const bool on = conversion.to_private != file.initially_private;
  if (natural_) {
    const auto recorded = file.shared_ranges.find(piece.first.value);
    if (recorded == file.shared_ranges.end() || recorded->second != piece.end.value) {
      for (uint64_t block = piece.first.block(); block <= (piece.end - Pages{1}).block(); ++block) {
        if (lane_.interrupted()) return spec::kOk;
        const uint32_t i = file.changed_kinds->differing(block, block_mask(piece, block), on).next_set(0);
        if (i == kBlockPages) continue;
        conversion.refused = Index::of_block(block, i);
        return spec::kEINVAL;
      }
    }
  }
  if (!pins_.any()) return spec::kOk;
  bool refused = false;
  for (uint64_t block = piece.first.block(); block <= (piece.end - Pages{1}).block(); ++block) {
    if (lane_.interrupted()) return spec::kOk;
    const Bitmap512 turning = file.changed_kinds->differing(block, block_mask(piece, block), on);
    for (uint32_t i = turning.next_set(0); i < kBlockPages; i = turning.next_set(i + 1)) {
      const Index index = Index::of_block(block, i);
      const bool speculative = pins_.referenced(file.serial, index);
      if (!speculative && !(file.pages.present(index) && pins_.pinned(file.pages.pfn(index)))) continue;
      if (!refused) conversion.refused = index;
      refused = true;
      if (speculative) pins_.attempt(file.serial, {index, index + Pages{1}});
    }
  }
  if (!refused) return spec::kOk;
  count(Counter::kConvertEagain);
  return spec::kEAGAIN;
}

// Every folio that must be split can be: no reference on any of them, then vmemmap for all of them together. Means
// nothing when the run was told to end.
Engine::Errno Engine::check_to_shared(Conversion& conversion, File& file, Run<Index> piece) {
  if (natural_) return spec::kOk;
  const bool on = conversion.to_private != file.initially_private;
  uint64_t huge_pages = 0;
  uint64_t checked_end = 0;  // blocks below belong to folios already checked
  bool frames_lack = false;
  for (uint64_t block = piece.first.block(); block <= (piece.end - Pages{1}).block(); ++block) {
    if (lane_.interrupted()) return spec::kOk;
    const BlockWord word = file.pages.word(block);
    if (!word.huge() || block < checked_end) continue;
    if (file.changed_kinds->differing(block, block_mask(piece, block), on).none()) continue;
    const uint64_t first = folio_first_block(word, block);
    checked_end = first + folio_blocks(word);
    const Index start = std::max(Index::of_block(first), piece.first);
    if (refuse_split(file, block, piece)) {
      conversion.refused = start;
      count(Counter::kConvertEagain);
      return spec::kEAGAIN;
    }
    if (frames_lack || word.folio_order() != huge_order_ || vmemmap_available(++huge_pages)) continue;
    frames_lack = true;
    conversion.refused = start;
  }
  return frames_lack ? spec::kENOMEM : spec::kOk;
}

void Engine::convert_content(File& file, uint64_t block, const Bitmap512& pages, spec::Content content) {
  const bool preserve = content == spec::Content::kPreserve || arch_ == spec::Arch::kPkvm;
  for (uint32_t i = pages.next_set(0); i < kBlockPages; i = pages.next_set(i + 1)) {
    const Index index = Index::of_block(block, i);
    if (file.pages.poisoned(index)) continue;
    const Pfn pfn = file.pages.pfn(index);
    if (content == spec::Content::kZero) {
      arena_.clear_page(pfn);
      count(Counter::kPagesCleared);
    } else if (preserve) {
      if (!file.pages.marked(index)) {
        arena_.clear_page(pfn);
        count(Counter::kPagesCleared);
      }
    } else {
      arena_.scramble_page(pfn);
    }
    mark_page(file, index);
  }
}

// Zeros are promised over the whole piece, whatever kind its pages had: this is for those that keep it.
void Engine::zero_piece(File& file, Run<Index> piece) {
  const uint64_t end = (piece.end - Pages{1}).block() + 1;
  for (uint64_t block = file.pages.next_touched(piece.first.block(), end); block < end && !lane_.interrupted();
       block = file.pages.next_touched(block + 1, end)) {
    convert_content(file, block, file.pages.present_bits(block) & block_mask(piece, block), spec::Content::kZero);
  }
}

Engine::Errno Engine::convert_piece(Conversion& conversion, File& file, Run<Index> piece) {
  conversion.refused = piece.first;
  if (!file.open) return spec::kEBADF;
  ShareMap& kinds = *file.changed_kinds;
  const bool on = conversion.to_private != file.initially_private;
  const bool zero = conversion.content == spec::Content::kZero;
  // Zeros are for all of the piece, and cannot be put where memory failed.
  Index poisoned;
  const bool lost = zero && file.pages.first_poisoned(piece, poisoned);
  const auto refuse_zeros = [&] {
    conversion.refused = poisoned;
    return spec::kEHWPOISON;
  };
  if (!any_differing(kinds, piece, on)) {
    if (lost) return refuse_zeros();
    if (zero) zero_piece(file, piece);
    return spec::kOk;
  }
  const Errno error =
      conversion.to_private ? check_to_private(conversion, file, piece) : check_to_shared(conversion, file, piece);
  if (lane_.stop != Lane::Stop::kNo) return spec::kOk;
  if (error != spec::kOk) return error;
  if (lost) return refuse_zeros();

  // Before any split: a 2M leaf that goes whole is not demoted first.
  if (tdx_) zap_turning(file, piece, on);
  const bool zap_here = !one_table_ && !tdx_;
  // The maximal sub-ranges that turn, where something later needs them as such.
  std::vector<Run<Index>> turned;
  const bool keep_turned = conversion.to_private && knobs_.preparedness == spec::Preparedness::kStateEarly;
  auto recorded = file.shared_ranges.end();
  Index reached = piece.end;
  for (uint64_t block = piece.first.block(); block <= (piece.end - Pages{1}).block(); ++block) {
    // Each block turns whole.
    if (lane_.interrupted()) {
      reached = std::max(piece.first, Index::of_block(block));
      break;
    }
    const Bitmap512 turning = kinds.differing(block, block_mask(piece, block), on);
    if (turning.none()) continue;
    if (conversion.blocks.empty() || conversion.blocks.back().file != &file || conversion.blocks.back().end != block) {
      conversion.blocks.push_back({&file, block, block});
    }
    conversion.blocks.back().end = block + 1;
    const uint64_t groups = shared_groups(file, block);
    conversion.changed += kinds.set(block, turning, on);
    file.shared_groups = file.shared_groups - groups + shared_groups(file, block);
    shared_groups_ = shared_groups_ - groups + shared_groups(file, block);
    for (uint32_t i = turning.next_set(0); (natural_ || keep_turned) && i < kBlockPages;) {
      const uint32_t end = turning.next_clear(i);
      const Run<Index> run{Index::of_block(block, i), Index::of_block(block, end)};
      if (keep_turned) {
        if (!turned.empty() && turned.back().end == run.first) {
          turned.back().end = run.end;
        } else {
          turned.push_back(run);
        }
      }
      if (natural_ && !conversion.to_private) {
        if (recorded != file.shared_ranges.end() && recorded->second == run.first.value) {
          recorded->second = run.end.value;
        } else {
          recorded = file.shared_ranges.insert_or_assign(run.first.value, run.end.value).first;
        }
      }
      i = turning.next_set(end);
    }
    if (zap_here) zap_block(lane_, file, block, turning);
    const Bitmap512 present = file.pages.present_bits(block) & turning;
    if (!conversion.to_private && !present.none()) {
      if (snp_) share_in_rmp(file, block, present);
      if (!natural_) split_for_shared(lane_, file, block, present, conversion.splits);
    }
    if (!zero) convert_content(file, block, present, conversion.content);
  }
  if (zero) zero_piece(file, {piece.first, reached});
  // Told to end, the rest is prepared by its faults.
  constexpr uint64_t kPages = uint64_t{16} << kBlockShift;
  for (Run<Index> run : turned) {
    while (!run.empty() && !lane_.interrupted()) {
      const Index cut = std::min(run.end, Index{(run.first.value | (kPages - 1)) + 1});
      if (!prepare_early(lane_, file, {run.first, cut})) break;
      run.first = cut;
    }
  }
  if (natural_ && conversion.to_private) {
    file.shared_ranges.erase(piece.first.value);
    if (reached < piece.end) file.shared_ranges.emplace(reached.value, piece.end.value);
  }
  return spec::kOk;
}

// One folio of these blocks, if it can be; its small mappings are then looked at.
bool Engine::merge_if_possible(File& file, uint64_t first_block, uint64_t blocks) {
  const bool whole = blocks != 1;
  if (whole ? !region_mergeable(file, first_block / kRegionBlocks)
            : !file.block_inside(first_block) || !block_mergeable(file, first_block)) {
    return false;
  }
  if (folio_referenced(file, first_block, blocks)) return false;
  if (whole) {
    merge_1g(file, first_block / kRegionBlocks);
  } else {
    merge_2m(file, first_block);
  }
  promote(file, first_block, blocks);
  return true;
}

// Every huge range with a changed page is merged if it can be; with 1G folios split minimally, its 2M blocks first.
// Told to end, those behind some block are not tried.
uint64_t Engine::merge_ranges(const std::vector<ChangedBlocks>& changed) {
  uint64_t merged = 0;
  if (huge_order_ == kOrder2m || knobs_.split_to == spec::SplitTo::kMinimal) {
    for (const auto& [file, first, end] : changed) {
      for (uint64_t block = first; block < end; ++block) {
        if (lane_.interrupted()) return merged;
        merged += merge_if_possible(*file, block, 1);
      }
    }
  }
  if (huge_order_ != kOrder1g) return merged;
  for (const auto& [file, first, end] : changed) {
    for (uint64_t region = first / kRegionBlocks; region * kRegionBlocks < end; ++region) {
      if (lane_.interrupted()) return merged;
      merged += merge_if_possible(*file, region * kRegionBlocks, kRegionBlocks);
    }
  }
  return merged;
}

Engine::Errno Engine::convert_in_place(Vm& vm, Run<Gfn> run, bool to_private, spec::Content content, Outcome& out) {
  if (single_conversions_ && run.size().value == 1) {
    const Slot* slot = lane_.slot_at(vm, run.first);
    bool changed = false;
    if (slot->file->open && convert_page(*slot->file, slot->index_of(run.first), to_private, content, changed)) {
      count(Counter::kConvertedPages, changed);
      static_assert(spec::kConvertChanged == 0 && spec::kConvertSplit == 1 && spec::kConvertMerged == 2);
      set_first_values(out, static_cast<double>(changed), 0, 0);
      return spec::kOk;
    }
  }
  Conversion conversion{to_private, content};
  Errno error = spec::kOk;
  const Slot* failing = nullptr;
  for (size_t i = vm.first_slot_above(run.first); i < vm.by_gfn.size() && vm.by_gfn[i]->gfns.first < run.end; ++i) {
    Slot& slot = *vm.by_gfn[i];
    error = convert_piece(conversion, *slot.file, slot.indexes_of(slot.gfns.clipped_to(run)));
    if (lane_.stop != Lane::Stop::kNo) break;
    if (error == spec::kOk) continue;
    failing = &slot;
    break;
  }
  if (to_private && knobs_.merge == spec::Merge::kEager) {
    conversion.merges = merge_ranges(conversion.blocks);
  }
  if (merges_later_) defer_merges(conversion.blocks, to_private);
  count(Counter::kConvertedPages, conversion.changed);
  set_value(out, spec::kConvertChanged, static_cast<double>(conversion.changed));
  set_value(out, spec::kConvertSplit, static_cast<double>(conversion.splits));
  set_value(out, spec::kConvertMerged, static_cast<double>(conversion.merges));
  if (failing != nullptr) {
    const Gfn gfn = failing->gfn_of(conversion.refused);
    set_value(out, spec::kConvertGpa, static_cast<double>(Pages{gfn.value}.bytes()));
  }
  return error;
}

void Engine::count_host_leaves(double* into) const {
  if (!natural_) return;
  uint64_t leaves[3] = {0, 0, 0};
  constexpr uint32_t kOrders[3] = {kOrder4k, kOrder2m, kOrder1g};
  // Cuts a run of shared pages from its start into the largest aligned pieces that fit into it and into one folio.
  const auto cut = [&](const File& file, Run<Index> run) {
    while (!run.empty()) {
      const uint32_t folio = file.pages.word(run.first.block()).folio_order();
      int size = 2;
      while (size > 0 && (kOrders[size] > folio || (run.first.value & ((uint64_t{1} << kOrders[size]) - 1)) != 0 ||
                          run.size().value < uint64_t{1} << kOrders[size])) {
        --size;
      }
      ++leaves[size];
      run.first = run.first + Pages{uint64_t{1} << kOrders[size]};
    }
  };
  for (const File* file : files_by_id_) {
    if (file == nullptr) continue;
    Run<Index> open_run{Index{0}, Index{0}};
    const uint64_t end = file->pages.blocks();
    for (uint64_t block = file->pages.next_touched(0, end); block < end;
         block = file->pages.next_touched(block + 1, end)) {
      const Bitmap512 shared = and_not(file->pages.present_bits(block), private_bits(*file, block));
      for (uint32_t i = shared.next_set(0); i < kBlockPages;) {
        const uint32_t stop = shared.next_clear(i);
        if (open_run.end != Index::of_block(block, i)) {
          cut(*file, open_run);
          open_run.first = Index::of_block(block, i);
        }
        open_run.end = Index::of_block(block, stop);
        i = shared.next_set(stop);
      }
    }
    cut(*file, open_run);
  }
  into[static_cast<size_t>(Counter::kHostLeaves4k)] = static_cast<double>(leaves[0]);
  into[static_cast<size_t>(Counter::kHostLeaves2m)] = static_cast<double>(leaves[1]);
  into[static_cast<size_t>(Counter::kHostLeaves1g)] = static_cast<double>(leaves[2]);
}

}  // namespace gmem
