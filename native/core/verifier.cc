#include "core/verifier.h"

namespace gmem {

using spec::Counter;

namespace {
std::string at(const File& file, Index index) {
  return "gmem " + std::to_string(file.id) + " index " + std::to_string(index.value);
}
}  // namespace

Verifier::Verifier(const Engine& engine) : engine_(engine), owned_((engine.frames_.total().value + 63) / 64) {}

void Verifier::expect(bool holds, const std::string& problem) {
  if (!holds && problems_.size() < kMostProblems) problems_.push_back(problem);
}

void Verifier::same(const char* what, uint64_t kept, uint64_t recounted) {
  expect(kept == recounted, std::string(what) + " is " + std::to_string(kept) + ", recounted " + std::to_string(recounted));
}

void Verifier::own(Pfn pfn, const File& file, Index index, const char* what) {
  if (pfn.value >= engine_.frames_.total().value) {
    expect(false, at(file, index) + ": " + what + " pfn " + std::to_string(pfn.value) + " is beyond host memory");
    return;
  }
  expect(!owned(pfn), at(file, index) + ": " + what + " pfn " + std::to_string(pfn.value) + " has a second owner");
  expect(!engine_.frames_.is_free(pfn), at(file, index) + ": " + what + " pfn " + std::to_string(pfn.value) + " is free");
  owned_[pfn.value / 64] |= uint64_t{1} << (pfn.value % 64);
  ++owned_frames_;
}

// A 2M RMP entry lies in one run of 512 pages of one block of the file.
void Verifier::check_huge_entry(const File& file, uint64_t block) {
  const Pfn first = file.pages.pfn(Index::of_block(block));
  for (uint32_t i = 0; i < kBlockPages; ++i) {
    const Index index = Index::of_block(block, i);
    if (!file.pages.present(index) || file.pages.pfn(index) != first + Pages{i} || first.in_block() != 0) {
      expect(false, at(file, index) + ": a 2M RMP entry covers pages that are not one run of the block");
      return;
    }
  }
}

void Verifier::check_gmem_block(const File& file, uint64_t block) {
  const PageMap& pages = file.pages;
  const BlockWord word = pages.word(block);
  if (word.huge()) {
    ++folios_2m_;
    expect(file.block_inside(block), at(file, Index::of_block(block)) + ": a 2M folio reaches beyond the file");
  }
  if (word.ever_split()) ++split_blocks_;
  if (word.ever_merged()) ++merged_blocks_;
  const Bitmap512 present = pages.present_bits(block);
  const Bitmap512 marked = pages.marked_bits(block);
  expect(and_not(marked, present).none(), at(file, Index::of_block(block)) + ": a page is marked but absent");
  bool huge_entry = false;
  for (uint32_t i = present.next_set(0); i < kBlockPages; i = present.next_set(i + 1)) {
    const Index index = Index::of_block(block, i);
    const Pfn pfn = pages.pfn(index);
    if (!word.huge()) ++folios_4k_;
    own(pfn, file, index, "page");
    RmpEntry entry;
    if (!engine_.snp_ || !engine_.rmp_.lookup(pfn, entry)) continue;
    if (entry.assigned) {
      ++assigned_;
      huge_entry = huge_entry || entry.huge;
      expect(entry.asid == engine_.asid_of(file.vm), at(file, index) + ": the RMP names another guest");
    }
    expect(entry.assigned || !marked.test(i), at(file, index) + ": marked, but not assigned in the RMP");
  }
  if (huge_entry) check_huge_entry(file, block);
}

void Verifier::check_copy_block(const File& file, uint64_t block) {
  const Bitmap512 present = file.copies->present_bits(block);
  for (uint32_t i = present.next_set(0); i < kBlockPages; i = present.next_set(i + 1)) {
    own(file.copies->pfn(Index::of_block(block, i)), file, Index::of_block(block, i), "shared copy");
    ++copy_pages_;
  }
}

void Verifier::check_leaves(const File& file, uint64_t block) {
  const Vm& vm = *engine_.vms_[file.vm];
  const BlockWord word = file.pages.word(block);
  if (word.leaf_2m()) ++leaves_2m_;
  if (word.has_line()) leaves_4k_ += file.pages.lines().leaves(word.line()).count();
  expect(!word.leaf_2m() || !word.has_line() || file.pages.lines().leaves(word.line()).none(),
         at(file, Index::of_block(block)) + ": 4K leaves under a 2M leaf");
  if (!word.leaf_2m() && !word.has_line()) return;
  for (uint32_t i = 0; i < kBlockPages; ++i) {
    const Index index = Index::of_block(block, i);
    const int order = file.pages.leaf_order(index);
    if (order < 0) continue;
    const Slot* slot = file.slot_at(index);
    if (slot == nullptr) {
      expect(false, at(file, index) + ": a leaf, but no slot");
      continue;
    }
    const Gfn gfn = slot->gfn_of(index);
    const bool is_private = engine_.is_private(vm, slot, gfn);
    const bool from_copy = !is_private && !file.mmap;
    if (from_copy ? !file.copies || !file.copies->present(index) : !file.pages.present(index)) {
      expect(false, at(file, index) + ": a leaf to an absent page");
      continue;
    }
    expect(from_copy || file.pages.marked(index), at(file, index) + ": a leaf to a page that is not prepared");
    const PageMap& map = from_copy ? *file.copies : file.pages;
    RmpEntry entry;
    const bool assigned = is_private && engine_.snp_ && engine_.rmp_.lookup(map.pfn(index), entry);
    expect(!assigned || (entry.assigned && entry.gfn == gfn), at(file, index) + ": a private leaf the RMP does not allow");
    if (order != static_cast<int>(kOrder2m)) continue;
    expect(map.word(block).huge() && slot->block_mappable(block) && slot->kinds.uniform(gfn.block()) && (!assigned || entry.huge),
           at(file, index) + ": a 2M leaf larger than folio, slot, kinds or RMP allow");
  }
}

void Verifier::check_file(const File& file) {
  const uint64_t end = file.pages.blocks();
  split_blocks_ = 0;
  merged_blocks_ = 0;
  for (uint64_t block = file.pages.next_touched(0, end); block < end; block = file.pages.next_touched(block + 1, end)) {
    check_gmem_block(file, block);
    check_leaves(file, block);
  }
  same("split_distinct_2m of a file", file.split_blocks, split_blocks_);
  same("merge_distinct_2m of a file", file.merged_blocks, merged_blocks_);
  for (const uint64_t index : file.pages.poisoned_indexes()) {
    expect(file.pages.present({index}), at(file, {index}) + ": poisoned but absent");
  }
  if (!file.copies) return;
  for (uint64_t block = file.copies->next_touched(0, end); block < end; block = file.copies->next_touched(block + 1, end)) {
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

void Verifier::check_memory() {
  for (const auto& [number, frame] : engine_.pins_.frames()) {
    expect(!engine_.frames_.is_free({number}), "pinned pfn " + std::to_string(number) + " is free");
    expect(frame.orphan != owned({number}), "pinned pfn " + std::to_string(number) + " is neither owned nor an orphan");
  }
  const uint64_t held = owned_frames_ + engine_.pins_.orphans() + engine_.poisoned_out_;
  same("host_pages_end", engine_.host_pages_, held);
  same("used frames", engine_.frames_.used().value, held + engine_.pressure_pages_);
  same("free and used frames", engine_.frames_.total().value, engine_.frames_.count_free().value + engine_.frames_.used().value);
  same("shared copy pages", engine_.copy_pages_, copy_pages_);
}

void Verifier::check_counters() {
  const auto value = [&](Counter counter) { return engine_.value(counter); };
  same("faults_4k - zaps_4k", value(Counter::kFaults4k) - value(Counter::kZaps4k), leaves_4k_);
  same("faults_2m - zaps_2m", value(Counter::kFaults2m) - value(Counter::kZaps2m), leaves_2m_);
  const uint64_t splits = value(Counter::kSplits2m);
  const uint64_t merges = value(Counter::kMerges2m);
  same("folios_4k held by the counters",
       value(Counter::kFoliosAllocated4k) - value(Counter::kFoliosFreed4k) + kBlockPages * splits - kBlockPages * merges, folios_4k_);
  same("folios_2m held by the counters", value(Counter::kFoliosAllocated2m) - value(Counter::kFoliosFreed2m) - splits + merges,
       folios_2m_);
  uint64_t split_distinct = engine_.buried_split_blocks_;
  uint64_t merge_distinct = engine_.buried_merged_blocks_;
  for (const auto& [serial, file] : engine_.files_) {
    split_distinct += file->split_blocks;
    merge_distinct += file->merged_blocks;
  }
  same("split_distinct_2m", value(Counter::kSplitDistinct2m), split_distinct);
  same("merge_distinct_2m", value(Counter::kMergeDistinct2m), merge_distinct);
  expect(value(Counter::kHostPagesPeak) >= engine_.host_pages_, "host_pages_peak is below what is held now");
  expect(value(Counter::kSharedCopyPagesPeak) >= engine_.copy_pages_, "shared_copy_pages_peak is below what is held now");
}

void Verifier::check_kinds() {
  for (const auto& vm : engine_.vms_) {
    if (!vm) continue;
    for (const Slot* slot : vm->by_gfn) {
      expect(vm->changed_kinds.count(slot->gfns) == 0, "slot " + std::to_string(slot->number) + ": a bound gfn's kind is kept twice");
    }
  }
}

std::vector<std::string> Verifier::run() {
  for (const auto& [serial, file] : engine_.files_) check_file(*file);
  check_rmp();
  check_memory();
  check_counters();
  check_kinds();
  return problems_;
}

std::vector<std::string> Engine::verify() const { return Verifier(*this).run(); }

}  // namespace gmem
