// Unit types: page numbers of three kinds that cannot be mixed, and counts of pages.
//
// Pfn: host page number. Gfn: guest page number. Index: page number in a gmem file. Pages: how many.
// A number plus Pages is a number of the same kind; the difference of two numbers of a kind is Pages.
// A *block* is an aligned run of 512 pages (2M): one cache line of bits.
#pragma once

#include <compare>
#include <cstdint>

namespace gmem {

inline constexpr uint64_t kPageShift = 12;
inline constexpr uint64_t kPageBytes = uint64_t{1} << kPageShift;
inline constexpr uint32_t kBlockShift = 9;
inline constexpr uint32_t kBlockPages = 1U << kBlockShift;
inline constexpr uint64_t kBlockBytes = kBlockPages * kPageBytes;
inline constexpr uint32_t kOrder4k = 0;
inline constexpr uint32_t kOrder2m = 9;
inline constexpr uint32_t kOrder1g = 18;
inline constexpr uint32_t kRegionBlocks = 512;  // 2M blocks in a 1G region

struct Pages {
  uint64_t value = 0;
  friend constexpr auto operator<=>(Pages, Pages) = default;
  friend constexpr Pages operator+(Pages a, Pages b) { return {a.value + b.value}; }
  friend constexpr Pages operator-(Pages a, Pages b) { return {a.value - b.value}; }
  constexpr uint64_t bytes() const { return value << kPageShift; }
};

template <class Kind>
struct PageNumber {
  uint64_t value = 0;
  friend constexpr auto operator<=>(PageNumber, PageNumber) = default;
  friend constexpr PageNumber operator+(PageNumber a, Pages n) { return {a.value + n.value}; }
  friend constexpr PageNumber operator-(PageNumber a, Pages n) { return {a.value - n.value}; }
  friend constexpr Pages operator-(PageNumber a, PageNumber b) { return {a.value - b.value}; }
  constexpr uint64_t block() const { return value >> kBlockShift; }
  constexpr uint32_t in_block() const { return static_cast<uint32_t>(value) & (kBlockPages - 1); }
  static constexpr PageNumber of_block(uint64_t block, uint32_t in_block = 0) {
    return {(block << kBlockShift) + in_block};
  }
};

using Pfn = PageNumber<struct PfnKind>;
using Gfn = PageNumber<struct GfnKind>;
using Index = PageNumber<struct IndexKind>;

// Half-open run [first, end) of page numbers of one kind.
template <class Number>
struct Run {
  Number first;
  Number end;
  constexpr bool empty() const { return end.value <= first.value; }
  constexpr Pages size() const { return empty() ? Pages{0} : end - first; }
  constexpr bool contains(Number n) const { return n >= first && n < end; }
  constexpr bool covers(Run other) const { return other.first >= first && other.end <= end; }
  constexpr Run clipped_to(Run other) const {
    return {first > other.first ? first : other.first, end < other.end ? end : other.end};
  }
};

}  // namespace gmem
