// What a gmem file knows of one 2M block of indexes, in 8 bytes.
//
// bit 0      a 2M folio holds the block; bits 37-63 its pfn block
// bit 1      every page of that folio is marked (only without a line)
// bit 2      one 2M leaf covers the block
// bit 3      there is a detail line; bits 9-36 its number
// bit 4      some page of the block is poisoned
// bits 5, 6  the block's folio was ever split, was ever merged (kept while the file lives)
//
// Always: all_marked and line exclude each other; a 2M leaf and 4K leaves exclude each other. In a line, `present` is used
// only while no 2M folio holds the block.
#pragma once

#include <cstdint>

namespace gmem {

class BlockWord {
 public:
  bool huge() const { return bits_ & kHuge; }
  bool all_marked() const { return bits_ & kAllMarked; }
  bool leaf_2m() const { return bits_ & kLeaf2m; }
  bool has_line() const { return bits_ & kHasLine; }
  bool poisoned() const { return bits_ & kPoisoned; }
  bool ever_split() const { return bits_ & kEverSplit; }
  bool ever_merged() const { return bits_ & kEverMerged; }
  bool untouched() const { return bits_ == 0; }
  uint32_t line() const { return static_cast<uint32_t>(bits_ >> kLineShift) & kLineMask; }
  uint64_t pfn_block() const { return bits_ >> kPfnShift; }

  void set_huge(uint64_t pfn_block) { bits_ = (bits_ & ~(~uint64_t{0} << kPfnShift)) | pfn_block << kPfnShift | kHuge; }
  void clear_huge() { bits_ &= ~(~uint64_t{0} << kPfnShift | kHuge | kAllMarked); }
  void set_all_marked(bool on) { assign(kAllMarked, on); }
  void set_leaf_2m(bool on) { assign(kLeaf2m, on); }
  void set_line(uint32_t line) { bits_ = (bits_ & ~kLineBits) | uint64_t{line} << kLineShift | kHasLine; }
  void clear_line() { bits_ &= ~(kLineBits | kHasLine); }
  void set_poisoned(bool on) { assign(kPoisoned, on); }
  void set_ever_split() { bits_ |= kEverSplit; }
  void set_ever_merged() { bits_ |= kEverMerged; }

 private:
  static constexpr uint64_t kHuge = 1;
  static constexpr uint64_t kAllMarked = 2;
  static constexpr uint64_t kLeaf2m = 4;
  static constexpr uint64_t kHasLine = 8;
  static constexpr uint64_t kPoisoned = 16;
  static constexpr uint64_t kEverSplit = 32;
  static constexpr uint64_t kEverMerged = 64;
  static constexpr uint32_t kLineShift = 9;
  static constexpr uint32_t kLineMask = (1U << 28) - 1;
  static constexpr uint64_t kLineBits = uint64_t{kLineMask} << kLineShift;
  static constexpr uint32_t kPfnShift = 37;

  void assign(uint64_t bit, bool on) { bits_ = on ? bits_ | bit : bits_ & ~bit; }

  uint64_t bits_;
};

static_assert(sizeof(BlockWord) == 8);

}  // namespace gmem
