// One flag a page over a run of page numbers: a word a 2M block, uniform or the number of a line of bits.
//
// Stored: which pages are flagged; what the flag means (kind differs from the initial one, page retained, ...) is the
// owner's. Always: a line is neither empty nor full, so that a block is uniform iff its word says so.
#pragma once

#include <cstdint>

#include "core/bitmap512.h"
#include "core/line_store.h"
#include "core/units.h"
#include "core/virtual_array.h"

namespace gmem {

// Lines of all flag maps of an engine.
struct FlagLines {
  // 512 TiB of blocks.
  static constexpr uint64_t kMost = uint64_t{1} << 28;

  LineNumbers numbers{kMost};
  VirtualArray<Bitmap512> bits{kMost};
};

template <class Number>
class FlagMap {
 public:
  // Nothing is flagged. Every fault reads a word: by huge pages that is one page fault of the machine for 1 TiB of
  // memory, not one for 2 GiB. Throws std::bad_alloc when the address space does not allow it.
  FlagMap(FlagLines& lines, Run<Number> all, Growth growth = Growth::kWithUse)
      : lines_(&lines),
        all_(all),
        first_block_(all.first.block()),
        words_(all.empty() ? 0 : (all.end - Pages{1}).block() - all.first.block() + 1, growth) {}
  FlagMap(const FlagMap&) = delete;
  FlagMap& operator=(const FlagMap&) = delete;
  ~FlagMap() {
    if (line_words_ == 0) return;
    for (uint64_t i = 0; i < words_.capacity(); ++i) drop_line(words_[i]);
  }

  bool flagged(Number number) const {
    const uint32_t word = words_[number.block() - first_block_];
    if (word < kFirstLine) return word == kAll;
    return lines_->bits[word - kFirstLine].test(number.in_block());
  }

  [[gnu::always_inline]] void prefetch(uint64_t block) const { words_.prefetch(block - first_block_); }

  // All 512 pages of the block agree. REQUIRES: the block lies wholly inside the run.
  bool uniform(uint64_t block) const { return words_[block - first_block_] < kFirstLine; }
  // All pages of an aligned run of blocks agree.
  bool uniform(uint64_t block, uint64_t blocks) const {
    const uint32_t* words = words_.data() + (block - first_block_);
    if (words[0] >= kFirstLine) return false;
    for (uint64_t i = 1; i < blocks; ++i) {
      if (words[i] != words[0]) return false;
    }
    return true;
  }

  // The flags of a block.
  Bitmap512 bits(uint64_t block) const {
    const uint32_t word = words_[block - first_block_];
    if (word >= kFirstLine) return lines_->bits[word - kFirstLine];
    Bitmap512 all;
    all.fill(word == kAll);
    return all;
  }

  // The flags of the aligned run of 64 pages that holds `number`.
  uint64_t flags_of_64(Number number) const {
    const uint32_t word = words_[number.block() - first_block_];
    if (word < kFirstLine) return word == kAll ? ~uint64_t{0} : 0;
    return lines_->bits[word - kFirstLine].words[number.in_block() >> 6];
  }
  // The other flag for one page.
  void flip(Number number) {
    uint32_t& word = words_[number.block() - first_block_];
    if (word < kFirstLine) open_line(word);
    Bitmap512& line = lines_->bits[word - kFirstLine];
    uint64_t& flags = line.words[number.in_block() >> 6];
    flags ^= uint64_t{1} << (number.in_block() & 63);
    // Only 64 equal ones can have made all 512 equal.
    if (flags + 1 <= 1) [[unlikely]]
      fold(word);
  }

  // Pages of the run whose flag is not `on`.
  uint64_t count_differing(Run<Number> run, bool on) const {
    if (run.size().value == 1) return flagged(run.first) != on;
    uint64_t n = 0;
    for (uint64_t block = run.first.block(); !run.empty() && block <= (run.end - Pages{1}).block(); ++block) {
      n += differing(block, block_mask(run, block), on).count();
    }
    return n;
  }
  // The pages of `mask` in the block whose flag is not `on`.
  Bitmap512 differing(uint64_t block, const Bitmap512& mask, bool on) const {
    return on ? and_not(mask, bits(block)) : mask & bits(block);
  }

  // Sets a run. Returns how many flags it changed.
  uint64_t set(Run<Number> run, bool on) {
    if (run.size().value == 1) {
      if (flagged(run.first) == on) return 0;
      flip(run.first);
      return 1;
    }
    uint64_t n = 0;
    for (uint64_t block = run.first.block(); !run.empty() && block <= (run.end - Pages{1}).block(); ++block) {
      n += set(block, block_mask(run, block), on);
    }
    return n;
  }

  // Sets the pages of `mask` in one block. Returns how many flags it changed.
  uint64_t set(uint64_t block, const Bitmap512& mask, bool on) {
    const Bitmap512 now = bits(block);
    const uint64_t n = (on ? and_not(mask, now) : mask & now).count();
    if (n == 0) return 0;
    const Bitmap512 next = on ? now | mask : and_not(now, mask);
    uint32_t& word = words_[block - first_block_];
    if (next.none() || next.all()) {
      drop_line(word);
      word = next.all() ? kAll : kNone;
      return n;
    }
    if (word < kFirstLine) {
      word = kFirstLine + lines_->numbers.take();
      ++line_words_;
    }
    lines_->bits[word - kFirstLine] = next;
    return n;
  }

  // Calls visit(Run<Number>) for flagged runs inside `within`, ascending, cut at block ends.
  template <class Visit>
  void for_each_flagged(Run<Number> within, Visit visit) const {
    for (uint64_t block = within.first.block(); !within.empty() && block <= (within.end - Pages{1}).block(); ++block) {
      if (words_[block - first_block_] == kNone) continue;
      for_each_run(bits(block) & block_mask(within, block), block, visit);
    }
  }
  template <class Visit>
  void for_each_flagged(Visit visit) const {
    for_each_flagged(all_, visit);
  }

  // Every block that has a line needs one: its flags differ.
  bool folded() const {
    uint64_t lines = 0;
    for (uint64_t i = 0; line_words_ != 0 && i < words_.capacity(); ++i) {
      if (words_[i] < kFirstLine) continue;
      const Bitmap512& line = lines_->bits[words_[i] - kFirstLine];
      if (line.none() || line.all()) return false;
      ++lines;
    }
    return lines == line_words_;
  }

 private:
  static constexpr uint32_t kNone = 0;
  static constexpr uint32_t kAll = 1;
  static constexpr uint32_t kFirstLine = 2;

  template <class Visit>
  static void for_each_run(const Bitmap512& bits, uint64_t block, Visit visit) {
    for (uint32_t i = bits.next_set(0); i < kBlockPages;) {
      const uint32_t end = bits.next_clear(i);
      visit(Run<Number>{Number::of_block(block, i), Number::of_block(block, end)});
      i = bits.next_set(end);
    }
  }

  // A line that says what the word did.
  [[gnu::noinline]] void open_line(uint32_t& word) {
    const uint32_t line = lines_->numbers.take();
    lines_->bits.expect(line);
    lines_->bits[line].fill(word == kAll);
    word = kFirstLine + line;
    ++line_words_;
  }
  // A word in place of its line, if all flags are equal.
  [[gnu::noinline]] void fold(uint32_t& word) {
    const Bitmap512& line = lines_->bits[word - kFirstLine];
    const bool all = line.all();
    if (!all && !line.none()) return;
    drop_line(word);
    word = all ? kAll : kNone;
  }
  void drop_line(uint32_t word) {
    if (word < kFirstLine) return;
    lines_->bits[word - kFirstLine].fill(false);
    lines_->numbers.give(word - kFirstLine);
    --line_words_;
  }

  FlagLines* lines_;
  Run<Number> all_;
  uint64_t first_block_;
  uint64_t line_words_ = 0;
  VirtualArray<uint32_t> words_;
};

}  // namespace gmem
