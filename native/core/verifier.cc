#include "core/verifier.h"

namespace gmem {

using spec::Counter;

namespace {
// Kinds of every index are recounted for files up to this many blocks; beyond, only absurd files are.
constexpr uint64_t kMostBlocksCounted = uint64_t{1} << 24;

}  // namespace

Verifier::Verifier(const Engine& engine)
    : engine_(engine), owned_((engine.host_total_.value + 63) / 64), line_seen_(engine.page_lines_.high_water()) {}

void Verifier::name_at(const File& file, Index index, const std::string& what) {
  expect(false,
         [&] { return "gmem " + std::to_string(file.id) + " index " + std::to_string(index.value) + ": " + what; });
}

void Verifier::same(const char* what, uint64_t kept, uint64_t recounted) {
  expect(kept == recounted, [&] {
    return std::string(what) + " is " + std::to_string(kept) + ", recounted " + std::to_string(recounted);
  });
}

void Verifier::own(Pfn pfn, const File& file, Index index, const char* what) {
  const auto name = [&](const char* problem) {
    name_at(file, index, std::string(what) + " pfn " + std::to_string(pfn.value) + problem);
  };
  if (pfn.value >= engine_.host_total_.value) {
    name(" is beyond host memory");
    return;
  }
  if (owned(pfn)) [[unlikely]]
    name(" has a second owner");
  if (is_free(pfn)) [[unlikely]]
    name(" is free");
  owned_[pfn.value / 64] |= uint64_t{1} << (pfn.value % 64);
  ++owned_frames_;
}

// A 2M RMP entry lies in one run of 512 pages of one block of the file.
void Verifier::check_huge_entry(const File& file, uint64_t block) {
  const Pfn first = file.pages.pfn(Index::of_block(block));
  for (uint32_t i = 0; i < kBlockPages; ++i) {
    const Index index = Index::of_block(block, i);
    if (!file.pages.present(index) || file.pages.pfn(index) != first + Pages{i} || first.in_block() != 0) {
      name_at(file, index, "a 2M RMP entry covers pages that are not one run of the block");
      return;
    }
  }
}

// A word by itself, its line, its poison.
void Verifier::check_word(const PageMap& pages, const File& file, uint64_t block) {
  const BlockWord word = pages.word(block);
  const Index first = Index::of_block(block);
  expect_at(word.consistent(), file, first, "a block's word says two things at once");
  expect_at(word.poisoned() == pages.any_poisoned({first, Index::of_block(block + 1)}), file, first,
            "a block's word and its pages disagree about poison");
  if (!word.has_line()) return;
  ++lines_seen_;
  const bool known = word.line() < line_seen_.size();
  expect_at(known && !line_seen_[word.line()], file, first, "a detail line that was never taken, or of two blocks");
  if (known) line_seen_[word.line()] = true;
}

void Verifier::check_lines() {
  same("detail lines in use", engine_.page_lines_.in_use(), lines_seen_);
  for (uint32_t line = 0; line < line_seen_.size(); ++line) {
    expect(line_seen_[line] || engine_.page_lines_.empty(line),
           [&] { return "detail line " + std::to_string(line) + " is of no block, and not empty"; });
  }
}

void Verifier::check_gmem_block(const File& file, uint64_t block) {
  const PageMap& pages = file.pages;
  const BlockWord word = pages.word(block);
  check_word(pages, file, block);
  expect_at(file.open || pages.block_empty(block), file, Index::of_block(block), "a closed file holds pages");
  if (word.huge()) {
    if (word.held() == BlockWord::Held::k2m) ++folios_2m_;
    expect_at(file.block_inside(block), file, Index::of_block(block), "a huge folio reaches beyond the file");
  }
  if (pages.history(block).ever_split) ++split_blocks_;
  if (pages.history(block).ever_merged) ++merged_blocks_;
  if (word.run() && word.has_line()) {
    const PageLines& lines = pages.lines();
    expect_at(lines.keeps_run(word.line()), file, Index::of_block(block),
              "a run of frames, but its line says otherwise");
  }
  const Bitmap512 present = pages.present_bits(block);
  const Bitmap512 marked = pages.marked_bits(block);
  expect_at(and_not(marked, present).none(), file, Index::of_block(block), "a page is marked but absent");
  if (run_holds(file, block, marked)) return;
  bool huge_entry = false;
  for (uint32_t i = present.next_set(0); i < kBlockPages; i = present.next_set(i + 1)) {
    if (!word.huge()) ++folios_4k_;
    check_page(file, Index::of_block(block, i), marked.test(i), huge_entry);
  }
  if (huge_entry) check_huge_entry(file, block);
}

void Verifier::check_page(const File& file, Index index, bool marked, bool& huge_entry) {
  const Pfn pfn = file.pages.pfn(index);
  own(pfn, file, index, "page");
  RmpEntry entry;
  if (!engine_.snp_ || !engine_.rmp_.lookup(pfn, entry)) return;
  if (entry.assigned) {
    ++assigned_;
    huge_entry = huge_entry || entry.huge;
    expect_at(entry.asid == engine_.asid_of(file.vm), file, index, "the RMP names another guest");
  }
  if (engine_.in_place_) {
    expect_at(!entry.assigned || engine_.index_private(file, index), file, index, "shared, but assigned in the RMP");
  } else {
    // punch zero gives the RMP entry of a poisoned page up and leaves the page alone.
    expect_at(entry.assigned || !marked || file.pages.poisoned(index), file, index,
              "marked, but not assigned in the RMP");
  }
}

// A 1G region: its folio is whole or not there, and what is kept of it agrees with its blocks.
void Verifier::check_region(const File& file, uint64_t region) {
  const uint64_t first = region * kRegionBlocks;
  const RegionWord word = file.pages.region(region);
  if (word.ever_split) ++split_regions_;
  if (word.ever_merged) ++merged_regions_;
  if (word.leaf_1g) ++leaves_1g_;
  uint64_t pieces = 0;
  const uint64_t base = file.pages.word(first).run() ? file.pages.first_pfn(first).block() : 0;
  for (uint64_t i = 0; i < kRegionBlocks && first + i < file.pages.blocks(); ++i) {
    const BlockWord piece = file.pages.word(first + i);
    pieces += piece.held() == BlockWord::Held::k1g;
    const bool leaf = piece.leaf_2m() || (piece.has_line() && !file.pages.lines().leaves(piece.line()).none());
    expect_at(!word.leaf_1g || !leaf, file, Index::of_block(first + i), "a leaf under a 1G leaf");
    if (piece.held() != BlockWord::Held::k1g) continue;
    expect_at(file.pages.first_pfn(first + i).block() == base + i, file, Index::of_block(first + i),
              "a 1G folio is not contiguous");
  }
  expect_at(pieces == 0 || pieces == kRegionBlocks, file, Index::of_block(first), "a 1G folio is held in part");
  if (pieces == kRegionBlocks) ++folios_1g_;
  expect_at(!word.leaf_1g || pieces == kRegionBlocks, file, Index::of_block(first), "a 1G leaf, but no 1G folio");
}

void Verifier::check_kinds_in_place(const File& file, uint64_t block) {
  shared_groups_ += engine_.shared_groups(file, block);
  if (!file.pages.word(block).huge() || engine_.natural_) return;
  expect_at(engine_.private_bits(file, block).all(), file, Index::of_block(block), "a huge folio holds a shared page");
}

// natural: the ranges that were recorded are what is shared.
void Verifier::check_shared_ranges(const File& file) {
  const bool shared = file.initially_private;  // the flag of a shared page
  uint64_t recorded = 0;
  for (const auto& [first, end] : file.shared_ranges) {
    const Run<Index> range{{first}, {end}};
    recorded += range.size().value;
    expect_at(file.changed_kinds->count_differing(range, shared) == 0, file, range.first,
              "recorded as shared, but private in part");
  }
  same("pages of a file recorded as shared", recorded, file.changed_kinds->count_differing(file.all(), !shared));
}

void Verifier::check_copy_block(const File& file, uint64_t block) {
  const BlockWord word = file.copies->word(block);
  check_word(*file.copies, file, block);
  expect_at(file.copies->block_unmarked_and_unmapped(block), file, Index::of_block(block),
            "a shared copy is marked or mapped");
  if (word.run() && own_run(file.copies->first_pfn(block))) {
    copy_pages_ += kBlockPages;
    return;
  }
  const Bitmap512 present = file.copies->present_bits(block);
  for (uint32_t i = present.next_set(0); i < kBlockPages; i = present.next_set(i + 1)) {
    own(file.copies->pfn(Index::of_block(block, i)), file, Index::of_block(block, i), "shared copy");
    ++copy_pages_;
  }
}

void Verifier::check_leaves(const File& file, uint64_t block) {
  const BlockWord word = file.pages.word(block);
  if (word.leaf_2m()) ++leaves_2m_;
  if (word.has_line()) leaves_4k_ += file.pages.lines().leaves(word.line()).count();
  expect_at(!word.leaf_2m() || !word.has_line() || file.pages.lines().leaves(word.line()).none(), file,
            Index::of_block(block), "4K leaves under a 2M leaf");
  if (!word.leaf_2m() && !word.has_line() && !file.pages.region(block / kRegionBlocks).leaf_1g) return;
  if (leaves_hold(file, block)) return;
  for (uint32_t i = 0; i < kBlockPages; ++i) {
    const Index index = Index::of_block(block, i);
    const int order = file.pages.leaf_order(index);
    if (order >= 0) check_leaf(file, index, static_cast<uint32_t>(order));
  }
}

void Verifier::check_leaf(const File& file, Index index, uint32_t order) {
  const Slot* slot = file.slot_at(index);
  if (slot == nullptr) return name_at(file, index, "a leaf, but no slot");
  const Gfn gfn = slot->gfn_of(index);
  const bool is_private = engine_.is_private(*engine_.vms_[file.vm], slot, gfn);
  const bool from_copy = !engine_.served_from_gmem(file, is_private);
  if (from_copy ? !file.copies || !file.copies->present(index) : !file.pages.present(index)) {
    return name_at(file, index, "a leaf to an absent page");
  }
  expect_at(from_copy || file.pages.marked(index), file, index, "a leaf to a page that is not prepared");
  const PageMap& map = from_copy ? *file.copies : file.pages;
  RmpEntry entry;
  const bool assigned = is_private && engine_.snp_ && engine_.rmp_.lookup(map.pfn(index), entry);
  expect_at(!assigned || (entry.assigned && entry.gfn == gfn), file, index, "a private leaf the RMP does not allow");
  if (order == kOrder4k) return;
  const uint64_t block = index.block();
  const bool uniform =
      !engine_.in_place_ ? slot->kinds.uniform(gfn.block()) : engine_.one_table_ || file.changed_kinds->uniform(block);
  expect_at(map.word(block).folio_order() >= order && slot->mappable(index, order) && uniform &&
                (!assigned || (entry.huge && order == kOrder2m)),
            file, index, "a leaf larger than folio, slot, kinds or RMP allow");
}

// The private leaves of a block, and what the guest accepted of it.
void Verifier::check_sept(const File& file, uint64_t block) {
  const Bitmap512 held = engine_.private_leaves(file, block);
  const Bitmap512 accepted = file.accepted->bits(block);
  const bool huge = file.pages.word(block).leaf_2m();
  private_leaves_ += huge ? !held.none() : held.count();
  accepted_ += accepted.count();
  const Index first = Index::of_block(block);
  expect_at(and_not(accepted, held).none(), file, first, "accepted, but under no private leaf");
  expect_at(!huge || accepted.none() || accepted.all(), file, first, "a 2M leaf accepted in part");
  if (!file.pages.region(block / kRegionBlocks).leaf_1g) return;
  expect_at(!engine_.page_private(file, file.slot_at(first), first), file, first, "a private leaf of 1G");
}

void Verifier::check_file(const File& file) {
  const uint64_t end = file.pages.blocks();
  split_blocks_ = merged_blocks_ = split_regions_ = merged_regions_ = accepted_ = 0;
  uint64_t next_region = 0;
  for (uint64_t block = file.pages.next_touched(0, end); block < end; block = file.pages.next_touched(block + 1, end)) {
    if (block / kRegionBlocks >= next_region) {
      check_region(file, block / kRegionBlocks);
      next_region = block / kRegionBlocks + 1;
    }
    check_gmem_block(file, block);
    check_leaves(file, block);
    if (engine_.tdx_) check_sept(file, block);
    if (file.retained) retained_ += file.retained->bits(block).count();
    if (file.retained) {
      expect_at(and_not(file.retained->bits(block), file.pages.present_bits(block)).none(), file,
                Index::of_block(block), "a page is retained but absent");
    }
    if (engine_.pool_.size() == 0 || file.pages.block_empty(block) || block % engine_.huge_blocks() != 0) continue;
    ++(file.pages.word(block).folio_order() == engine_.huge_order_ ? unsplit_huge_ : split_huge_);
  }
  if (engine_.tdx_) {
    uint64_t accepted = 0;
    file.accepted->for_each_flagged([&](Run<Index> run) { accepted += run.size().value; });
    same("accepted pages of a file", accepted, accepted_);
  }
  if (engine_.in_place_ && file.open) {
    shared_groups_ = 0;
    for (uint64_t block = 0; block < end && end <= kMostBlocksCounted; ++block) check_kinds_in_place(file, block);
    if (engine_.natural_ && end <= kMostBlocksCounted) check_shared_ranges(file);
    if (end <= kMostBlocksCounted) same("runs of 64 indexes with a shared one", file.shared_groups, shared_groups_);
  }
  same("split_distinct_2m of a file", file.split_blocks, split_blocks_);
  same("merge_distinct_2m of a file", file.merged_blocks, merged_blocks_);
  same("split_distinct_1g of a file", file.split_regions, split_regions_);
  same("merge_distinct_1g of a file", file.merged_regions, merged_regions_);
  for (const uint64_t index : file.pages.poisoned_indexes()) {
    expect_at(file.pages.present({index}), file, {index}, "poisoned but absent");
  }
  expect_at(!file.changed_kinds || file.changed_kinds->folded(), file, {0}, "kinds of a block are alike, but by page");
  expect_at(!file.retained || file.retained->folded(), file, {0}, "retained pages of a block are alike, but by page");
  expect_at(!file.accepted || file.accepted->folded(), file, {0}, "accepted pages of a block are alike, but by page");
  if (!file.copies) return;
  for (uint64_t block = file.copies->next_touched(0, end); block < end;
       block = file.copies->next_touched(block + 1, end)) {
    check_copy_block(file, block);
  }
}

void Verifier::check_rmp() {
  uint64_t assigned = 0;
  for (uint64_t block = 0; block < engine_.rmp_.blocks(); ++block) {
    if (!engine_.rmp_.block_unassigned(block)) assigned += engine_.rmp_.assigned(block).count();
  }
  same("RMP-assigned pages", assigned, assigned_);
}

void Verifier::check_pool() {
  uint64_t reserved = 0;
  for (const auto& [serial, file] : engine_.files_) {
    if (file->open) reserved += file->reserved_huge_pages;
  }
  same("reserved pool pages", engine_.pool_.reserved(), reserved);
  same("unsplit pool folios", engine_.lane_.unsplit_huge, unsplit_huge_);
  same("split pool pages", engine_.lane_.split_huge, split_huge_);
  same("pool pages", engine_.pool_.size(),
       engine_.pool_.free() + unsplit_huge_ + split_huge_ + engine_.pool_.waiting() + engine_.pool_.retired());
  uint64_t waiting_vmemmap = 0;
  for (const auto& [pfn, pages] : engine_.vmemmap_) waiting_vmemmap += engine_.pool_.waits({pfn});
  if (engine_.knobs_.metadata == spec::Metadata::kHvo) {
    same("huge pages with vmemmap of their own", engine_.vmemmap_.size() - waiting_vmemmap, split_huge_);
  }
}

void Verifier::check_memory() {
  engine_.pins_.frames().for_each([&](Pfn pfn, const PinnedFrame& frame) {
    const bool free = is_free(pfn);
    if (!free && frame.orphan != owned(pfn)) return;
    const std::string what = "pinned pfn " + std::to_string(pfn.value);
    expect(!free, what + " is free");
    expect(frame.orphan != owned(pfn), what + " is neither owned nor an orphan");
  });
  const uint64_t held = owned_frames_ + engine_.pins_.orphans() + engine_.poisoned_out_;
  same("host_pages_end", engine_.lane_.host_pages, held);
  uint64_t vmemmap = 0;
  for (const auto& [pfn, pages] : engine_.vmemmap_) vmemmap += pages.size();
  const uint64_t pool_used = (engine_.pool_.size() - engine_.pool_.free()) << engine_.huge_order_;
  const uint64_t idle = engine_.pool_.idle_frames();
  same("used frames", engine_.frames_.used().value + pool_used, held + engine_.pressure_pages_ + vmemmap + idle);
  same("retained_pages_end", engine_.retained_pages_, retained_);
  same("free and used frames", engine_.frames_.total().value,
       engine_.frames_.count_free().value + engine_.frames_.used().value);
  same("shared copy pages", engine_.lane_.copy_pages, copy_pages_);
}

void Verifier::check_counters() {
  const auto value = [&](Counter counter) { return engine_.value(counter); };
  const uint64_t demoted = value(Counter::kSeptDemote) - value(Counter::kSeptPromote);
  same("faults_4k - zaps_4k + 512 (sept_demote - sept_promote)",
       value(Counter::kFaults4k) - value(Counter::kZaps4k) + kBlockPages * demoted, leaves_4k_);
  same("faults_2m - zaps_2m - sept_demote + sept_promote",
       value(Counter::kFaults2m) - value(Counter::kZaps2m) - demoted, leaves_2m_);
  same("sept_add + sept_aug - sept_remove + 511 (sept_demote - sept_promote)",
       value(Counter::kSeptAdd) + value(Counter::kSeptAug) - value(Counter::kSeptRemove) + (kBlockPages - 1) * demoted,
       private_leaves_);
  same("faults_1g - zaps_1g", value(Counter::kFaults1g) - value(Counter::kZaps1g), leaves_1g_);
  const auto net = [&](Counter allocated, Counter freed) { return value(allocated) - value(freed); };
  const uint64_t allocated_4k = net(Counter::kFoliosAllocated4k, Counter::kFoliosFreed4k);
  const uint64_t allocated_2m = net(Counter::kFoliosAllocated2m, Counter::kFoliosFreed2m);
  const uint64_t allocated_1g = net(Counter::kFoliosAllocated1g, Counter::kFoliosFreed1g);
  const uint64_t splits = value(Counter::kSplits2m) - value(Counter::kMerges2m);
  same("folios_1g held by the counters", allocated_1g - value(Counter::kSplits1g) + value(Counter::kMerges1g),
       folios_1g_);
  if (engine_.huge_order_ == kOrder1g) {
    // A split or merge between 1G and smaller folios does not say which of the two, so these are compared in pages.
    same("pages held by the folio counters", allocated_4k + kBlockPages * allocated_2m + (allocated_1g << kOrder1g),
         folios_4k_ + kBlockPages * folios_2m_ + (folios_1g_ << kOrder1g));
  } else {
    same("folios_4k held by the counters", allocated_4k + kBlockPages * splits, folios_4k_);
    same("folios_2m held by the counters", allocated_2m - splits, folios_2m_);
  }
  uint64_t split_distinct = engine_.buried_split_blocks_;
  uint64_t merge_distinct = engine_.buried_merged_blocks_;
  for (const auto& [serial, file] : engine_.files_) {
    split_distinct += file->split_blocks;
    merge_distinct += file->merged_blocks;
  }
  same("split_distinct_2m", value(Counter::kSplitDistinct2m), split_distinct);
  same("merge_distinct_2m", value(Counter::kMergeDistinct2m), merge_distinct);
  expect(value(Counter::kHostPagesPeak) >= engine_.lane_.host_pages, "host_pages_peak is below what is held now");
  expect(value(Counter::kSharedCopyPagesPeak) >= engine_.lane_.copy_pages,
         "shared_copy_pages_peak is below what is held now");
}

void Verifier::check_kinds() {
  for (const auto& vm : engine_.vms_) {
    if (!vm) continue;
    for (const Slot* slot : vm->by_gfn) {
      expect(vm->changed_kinds.count(slot->gfns) == 0,
             [&] { return "slot " + std::to_string(slot->number) + ": a bound gfn's kind is kept twice"; });
      expect(slot->kinds.folded(),
             [&] { return "slot " + std::to_string(slot->number) + ": kinds of a block are alike, but by page"; });
    }
  }
}

// What waits to be merged is due after an op that did not run yet.
void Verifier::check_deferred() {
  const DeferredMerges& deferred = engine_.deferred_;
  expect(engine_.merges_later_ || deferred.waiting().empty(),
         "a range waits to be merged, but merges are not deferred");
  expect(deferred.consistent(), "the ranges that wait to be merged are not each once and in order");
  expect(engine_.merges_due_ || deferred.ops_until_due(engine_.ops_run_) != 0,
         "a range waits to be merged although its time has come");
}

std::vector<std::string> Verifier::run() {
  for (const auto& [serial, file] : engine_.files_) check_file(*file);
  check_lines();
  check_rmp();
  check_memory();
  if (engine_.pool_.size() != 0) check_pool();
  check_counters();
  check_kinds();
  check_deferred();
  return problems_;
}

std::vector<std::string> Engine::verify() const { return Verifier(*this).run(); }

}  // namespace gmem
