// What a gmem file knows of one 2M block of indexes, in 4 bytes: guests of hundreds of GiB then have their words in the
// second-level cache.
//
// bits 0-1   how the block's pages are held: as its line says (or not at all), as a run of 4K folios, as a 2M folio, as
//            a piece of a 1G folio; the last three are *runs*: all 512 pages present, contiguous from a pfn block
// bit 2      every page of the run is marked (only without a line)
// bit 3      one 2M leaf covers the block
// bit 4      there is a detail line
// bit 5      some page of the block is poisoned
// bits 6-31  the number of the line; without a line, of a run: its pfn block (with one the line keeps that)
//
// Always: all_marked and line exclude each other; a 2M leaf and 4K leaves exclude each other. In a line, `present` is
// used only while the block is not a run. A split of a 2M folio thus changes two bits and touches no line.
#pragma once

#include <cstdint>

#include "core/units.h"
#include "core/word_pattern.h"

namespace gmem {

class BlockWord {
 public:
  enum class Held : uint8_t { kByLine = 0, kSmallRun = 1, k2m = 2, k1g = 3 };

  Held held() const { return static_cast<Held>(bits_ & kHeld); }
  bool run() const { return (bits_ & kHeld) != 0; }
  // A folio above 4K holds the block.
  bool huge() const { return (bits_ & kHeld) >= static_cast<uint32_t>(Held::k2m); }
  uint32_t folio_order() const { return held() == Held::k1g ? kOrder1g : held() == Held::k2m ? kOrder2m : kOrder4k; }
  bool all_marked() const { return bits_ & kAllMarked; }
  bool leaf_2m() const { return bits_ & kLeaf2m; }
  bool has_line() const { return bits_ & kHasLine; }
  bool poisoned() const { return bits_ & kPoisoned; }
  // A 2M folio under a 2M leaf, without poison.
  bool mapped_2m_folio() const {
    return (bits_ & (kHeld | kLeaf2m | kPoisoned)) == (static_cast<uint32_t>(Held::k2m) | kLeaf2m);
  }
  // A run from that pfn block, without poison and without a line.
  bool plain_run_at(uint64_t pfn_block) const {
    return ((bits_ & (~uint32_t{0} << kLocationShift | kPoisoned | kHasLine)) == static_cast<uint32_t>(pfn_block)
                                                                                     << kLocationShift) &
           ((bits_ & kHeld) != 0);
  }
  // Neither a larger folio nor a larger leaf, and no poison.
  bool small_folios_only() const { return (bits_ & (kHugeHeld | kLeaf2m | kPoisoned)) == 0; }
  // 4K folios, some perhaps under 4K leaves, without poison.
  bool small_with_line() const { return (bits_ & (kHasLine | kPoisoned | kHugeHeld)) == kHasLine; }
  bool untouched() const { return bits_ == 0; }
  // What the parts of the word say of each other holds: no uniform mark beside a line, no location of nothing.
  bool consistent() const { return has_line() ? !all_marked() : run() || (bits_ & kLocation) == 0; }
  // REQUIRES: has_line.
  uint32_t line() const { return bits_ >> kLocationShift; }
  // REQUIRES: run, without a line.
  uint64_t pfn_block() const { return bits_ >> kLocationShift; }

  // REQUIRES: no line.
  void set_run(Held how, uint64_t pfn_block) {
    bits_ = (bits_ & ~(kLocation | kHeld)) | static_cast<uint32_t>(pfn_block) << kLocationShift |
            static_cast<uint32_t>(how);
  }
  // Same frames, other folios; of a block with a line, whose pfns are there: also from no run to a run and back.
  void set_held(Held how) { bits_ = (bits_ & ~kHeld) | static_cast<uint32_t>(how); }
  void clear_run() { bits_ &= has_line() ? ~kHeld : ~(kLocation | kHeld | kAllMarked); }
  void set_all_marked(bool on) { assign(kAllMarked, on); }
  void set_leaf_2m(bool on) { assign(kLeaf2m, on); }
  // The line takes over what the location said.
  void set_line(uint32_t line) { bits_ = (bits_ & ~kLocation) | line << kLocationShift | kHasLine; }
  // The line is gone. `pfn_block` is of the run, if it is one.
  void clear_line(uint64_t pfn_block) {
    bits_ = (bits_ & ~(kLocation | kHasLine)) | (run() ? static_cast<uint32_t>(pfn_block) << kLocationShift : 0);
  }
  void set_poisoned(bool on) { assign(kPoisoned, on); }

  // What scans over many words look for (simd.h): no run, all pages marked, a line, a line that
  // says which pages are present. What is above `kLocationShift` is then its number.
  static constexpr WordPattern no_run() { return {kHeld, 0}; }
  static constexpr WordPattern wholly_marked() { return {kAllMarked, kAllMarked}; }
  static constexpr WordPattern with_line() { return {kHasLine, kHasLine}; }
  static constexpr WordPattern with_pages_in_line() { return {kHasLine | kHeld, kHasLine}; }
  static constexpr uint32_t kLocationShift = 6;
  // Numbers of lines, and of blocks of host memory, are below.
  static constexpr uint64_t kMostLocations = uint64_t{1} << (32 - kLocationShift);

 private:
  static constexpr uint32_t kHeld = 3;
  static constexpr uint32_t kHugeHeld = 2;  // set in both forms of held that are huge
  static constexpr uint32_t kAllMarked = 4;
  static constexpr uint32_t kLeaf2m = 8;
  static constexpr uint32_t kHasLine = 16;
  static constexpr uint32_t kPoisoned = 32;
  static constexpr uint32_t kLocation = ~uint32_t{0} << kLocationShift;

  void assign(uint32_t bit, bool on) { bits_ = on ? bits_ | bit : bits_ & ~bit; }

  uint32_t bits_;
};

static_assert(sizeof(BlockWord) == 4);

// What is remembered of a block while the file lives: its 2M folio was ever split, was ever merged.
struct BlockHistory {
  bool ever_split;
  bool ever_merged;
};

// What a gmem file knows of one 1G region of indexes beyond its blocks.
struct RegionWord {
  bool leaf_1g;      // one 1G leaf covers the region; its blocks then have no leaf of their own
  bool ever_split;   // a 1G folio here was ever split
  bool ever_merged;  // a 1G folio was ever merged here
};

}  // namespace gmem
