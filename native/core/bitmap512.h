// 512 bits: one bit for each page of a 2M block, one cache line, one vector register.
#pragma once

#include <bit>
#include <cstdint>

#include "core/units.h"

namespace gmem {

struct alignas(64) Bitmap512 {
  static constexpr uint32_t kWords = 8;
  uint64_t words[kWords];

  bool test(uint32_t i) const { return (words[i >> 6] >> (i & 63)) & 1; }
  void set(uint32_t i) { words[i >> 6] |= uint64_t{1} << (i & 63); }
  void clear(uint32_t i) { words[i >> 6] &= ~(uint64_t{1} << (i & 63)); }

  void fill(bool value) {
    for (uint64_t& word : words) word = value ? ~uint64_t{0} : 0;
  }
  // Word by word, and mostly one word: a vector load of a line soon after the store of one of its words would wait for
  // it.
  bool none() const {
    for (uint64_t word : words) {
      if (word != 0) return false;
    }
    return true;
  }
  bool all() const {
    for (uint64_t word : words) {
      if (word != ~uint64_t{0}) return false;
    }
    return true;
  }
  uint32_t count() const {
#ifdef __POPCNT__
    uint32_t n = 0;
    for (uint64_t word : words) n += static_cast<uint32_t>(std::popcount(word));
    return n;
#else
    // Without the instruction std::popcount is a call a word. Counted in bytes of all words at once instead: no byte
    // exceeds 64, and vectors of any width can do it.
    uint64_t bytes = 0;
    for (uint64_t word : words) {
      word -= (word >> 1) & 0x5555555555555555U;
      word = (word & 0x3333333333333333U) + ((word >> 2) & 0x3333333333333333U);
      bytes += (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fU;
    }
    const uint64_t pairs = (bytes & 0x00ff00ff00ff00ffU) + ((bytes >> 8) & 0x00ff00ff00ff00ffU);
    return static_cast<uint32_t>((pairs * 0x0001000100010001U) >> 48);
#endif
  }

  // Lowest set bit at or after `from`, or 512.
  uint32_t next_set(uint32_t from) const { return next(from, 0); }
  // Lowest clear bit at or after `from`, or 512.
  uint32_t next_clear(uint32_t from) const { return next(from, ~uint64_t{0}); }

  // Bits [first, end) set, the others clear. REQUIRES: first <= end <= 512.
  static Bitmap512 range(uint32_t first, uint32_t end) {
    Bitmap512 mask;
    for (uint32_t w = 0; w < kWords; ++w) mask.words[w] = below(end, w) & ~below(first, w);
    return mask;
  }

  friend Bitmap512 operator&(const Bitmap512& a, const Bitmap512& b) {
    Bitmap512 r;
    for (uint32_t w = 0; w < kWords; ++w) r.words[w] = a.words[w] & b.words[w];
    return r;
  }
  friend Bitmap512 operator|(const Bitmap512& a, const Bitmap512& b) {
    Bitmap512 r;
    for (uint32_t w = 0; w < kWords; ++w) r.words[w] = a.words[w] | b.words[w];
    return r;
  }
  // Bits of `a` that are not in `b`.
  friend Bitmap512 and_not(const Bitmap512& a, const Bitmap512& b) {
    Bitmap512 r;
    for (uint32_t w = 0; w < kWords; ++w) r.words[w] = a.words[w] & ~b.words[w];
    return r;
  }

 private:
  // The bits below position `end`, as far as they are in word `w`.
  static uint64_t below(uint32_t end, uint32_t w) {
    if (end >= (w + 1) * 64) return ~uint64_t{0};
    if (end <= w * 64) return 0;
    return (uint64_t{1} << (end - w * 64)) - 1;
  }
  uint32_t next(uint32_t from, uint64_t flip) const {
    if (from >= kBlockPages) return kBlockPages;
    uint32_t w = from >> 6;
    uint64_t word = (words[w] ^ flip) & (~uint64_t{0} << (from & 63));
    while (word == 0) {
      if (++w == kWords) return kBlockPages;
      word = words[w] ^ flip;
    }
    return w * 64 + static_cast<uint32_t>(std::countr_zero(word));
  }
};

// The part of a run of page numbers that lies in `block`, as bits.
template <class Number>
Bitmap512 block_mask(Run<Number> run, uint64_t block) {
  const Run<Number> part = run.clipped_to({Number::of_block(block), Number::of_block(block + 1)});
  const uint32_t first = part.first.in_block();
  return Bitmap512::range(first, first + static_cast<uint32_t>(part.size().value));
}

static_assert(sizeof(Bitmap512) == 64 && alignof(Bitmap512) == 64, "one cache line");

}  // namespace gmem
