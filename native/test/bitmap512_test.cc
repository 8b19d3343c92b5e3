// Bitmap512 against 512 bools: every range, every first and end, every position.
#include "core/bitmap512.h"

#include <array>
#include <string>

#include "test/test.h"

namespace gmem {
namespace {

using Naive = std::array<bool, kBlockPages>;

Bitmap512 from(const Naive& bits) {
  Bitmap512 map;
  map.fill(false);
  for (uint32_t i = 0; i < kBlockPages; ++i) {
    if (bits[i]) map.set(i);
  }
  return map;
}

uint32_t next_naive(const Naive& bits, uint32_t from, bool wanted) {
  for (uint32_t i = from; i < kBlockPages; ++i) {
    if (bits[i] == wanted) return i;
  }
  return kBlockPages;
}

void check_same(const Bitmap512& map, const Naive& bits) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < kBlockPages; ++i) {
    CHECK_EQ(map.test(i), bits[i]);
    count += bits[i];
  }
  CHECK_EQ(map.count(), count);
  CHECK_EQ(map.none(), count == 0);
  CHECK_EQ(map.all(), count == kBlockPages);
  for (uint32_t from = 0; from <= kBlockPages; ++from) {
    CHECK_EQ(map.next_set(from), next_naive(bits, from, true));
    CHECK_EQ(map.next_clear(from), next_naive(bits, from, false));
  }
}

// All 131 841 ranges. Bits are compared one by one, so a mistake in next_set cannot hide one in range.
TEST(bitmap512_every_range) {
  for (uint32_t first = 0; first <= kBlockPages && !test::failed(); ++first) {
    for (uint32_t end = first; end <= kBlockPages; ++end) {
      const Bitmap512 map = Bitmap512::range(first, end);
      uint32_t wrong = 0;
      for (uint32_t i = 0; i < kBlockPages; ++i) wrong += map.test(i) != (i >= first && i < end);
      CHECK_EQ(wrong, 0U);
      CHECK_EQ(map.count(), end - first);
      CHECK_EQ(map.none(), first == end);
      CHECK_EQ(map.all(), first == 0 && end == kBlockPages);
      CHECK_EQ(map.next_set(0), first == end ? kBlockPages : first);
      CHECK_EQ(map.next_clear(first), end);
    }
  }
}

TEST(bitmap512_every_pair_of_bits) {
  for (uint32_t a = 0; a < kBlockPages && !test::failed(); ++a) {
    for (uint32_t b = a; b < kBlockPages; ++b) {
      Bitmap512 map;
      map.fill(false);
      map.set(a);
      map.set(b);
      CHECK_EQ(map.count(), a == b ? 1U : 2U);
      CHECK_EQ(map.next_set(0), a);
      CHECK_EQ(map.next_set(a), a);
      CHECK_EQ(map.next_set(a + 1), a == b ? kBlockPages : b);
      CHECK_EQ(map.next_set(b + 1), kBlockPages);
      map.clear(a);
      CHECK_EQ(map.next_set(0), a == b ? kBlockPages : b);
      map.fill(true);
      map.clear(a);
      map.clear(b);
      CHECK_EQ(map.next_clear(0), a);
      CHECK_EQ(map.next_clear(a + 1), a == b ? kBlockPages : b);
      CHECK(!map.all());
    }
  }
}

TEST(bitmap512_random_bits) {
  test::Random random(1);
  for (int round = 0; round < 200 && !test::failed(); ++round) {
    Naive a;
    Naive b;
    const uint64_t density = 1 + random.below(8);
    for (uint32_t i = 0; i < kBlockPages; ++i) {
      a[i] = random.one_in(density);
      b[i] = !random.one_in(density);
    }
    Naive both;
    Naive either;
    Naive only_a;
    for (uint32_t i = 0; i < kBlockPages; ++i) {
      both[i] = a[i] && b[i];
      either[i] = a[i] || b[i];
      only_a[i] = a[i] && !b[i];
    }
    check_same(from(a), a);
    check_same(from(a) & from(b), both);
    check_same(from(a) | from(b), either);
    check_same(and_not(from(a), from(b)), only_a);
  }
}

TEST(bitmap512_block_mask) {
  test::Random random(2);
  for (int round = 0; round < 2000; ++round) {
    const uint64_t base = random.one_in(4) ? (uint64_t{1} << 40) : 0;
    const uint64_t first = base + random.below(3 * kBlockPages);
    const uint64_t end = first + random.below(3 * kBlockPages);
    for (uint64_t block = base >> kBlockShift; block < (base >> kBlockShift) + 6; ++block) {
      // Asked only for blocks the run reaches into.
      if (end <= (block << kBlockShift) || first >= ((block + 1) << kBlockShift)) continue;
      const Bitmap512 mask = block_mask(Run<Index>{{first}, {end}}, block);
      uint32_t wrong = 0;
      for (uint32_t i = 0; i < kBlockPages; ++i) {
        const uint64_t page = (block << kBlockShift) + i;
        wrong += mask.test(i) != (page >= first && page < end);
      }
      CHECK_EQ(wrong, 0U);
    }
  }
}

}  // namespace
}  // namespace gmem
