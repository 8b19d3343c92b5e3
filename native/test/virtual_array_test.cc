// VirtualArray, LineNumbers, and the conversion of quantities: what everything else stands on.
#include "core/virtual_array.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/line_store.h"
#include "core/quantity.h"
#include "test/test.h"

namespace gmem {
namespace {

TEST(virtual_array_is_zero_and_sparse) {
  // 4 TiB of address space, three pages of it used.
  VirtualArray<uint64_t> array(uint64_t{1} << 39);
  for (const uint64_t i : {uint64_t{0}, uint64_t{1} << 30, (uint64_t{1} << 39) - 1}) {
    CHECK_EQ(array[i], 0U);
    array[i] = i + 1;
    CHECK_EQ(array[i], i + 1);
  }
  CHECK_EQ(array.capacity(), uint64_t{1} << 39);
}

TEST(virtual_array_moves) {
  VirtualArray<uint32_t> a(10);
  a[3] = 7;
  VirtualArray<uint32_t> b(std::move(a));
  CHECK_EQ(b[3], 7U);
  VirtualArray<uint32_t> c;
  CHECK_EQ(c.capacity(), 0U);
  c = std::move(b);
  CHECK_EQ(c[3], 7U);
  CHECK_EQ(c.capacity(), 10U);
}

constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;

// Bytes of memory that the machine holds of the pages between the two.
size_t resident_bytes(const void* base, size_t bytes) {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(base) / kPage * kPage;
  const uintptr_t end = reinterpret_cast<uintptr_t>(base) + bytes;
  std::vector<unsigned char> pages((end - begin + kPage - 1) / kPage);
  CHECK_EQ(mincore(reinterpret_cast<void*>(begin), end - begin, pages.data()), 0);
  size_t resident = 0;
  for (const unsigned char page : pages) resident += (page & 1) * kPage;
  return resident;
}

// Written in order, at every place of the steps and with one far out: the values are those written, and what is
// resident beyond them stays within an eighth and one step.
TEST(virtual_array_runs_ahead_within_bounds) {
  constexpr size_t kCapacity = size_t{1} << 21;  // 16 MiB
  VirtualArray<uint64_t> array(kCapacity);
  array.expect(kCapacity - 1);
  constexpr size_t kFarOut = 2 * kPage;
  CHECK(resident_bytes(array.data(), kCapacity * 8) <= kFarOut);
  for (size_t i = 0; i < kCapacity; ++i) {
    array.expect(i);
    array[i] = i ^ 5;
    if (i % 65536 != 65535) continue;
    const size_t written = (i + 1) * 8;
    const size_t resident = resident_bytes(array.data(), kCapacity * 8);
    CHECK(resident >= written);
    CHECK(resident <= kFarOut + written + std::min(written / 8 + 2 * kPage, kHugePage) +
                          (written >= 2 * kHugePage ? kHugePage : 0));
  }
  array.expect(3);
  for (size_t i = 0; i < kCapacity; i += 511) CHECK_EQ(array[i], i ^ 5);
  VirtualArray<uint64_t> moved(std::move(array));
  moved.expect(kCapacity - 1);
  CHECK_EQ(moved[kCapacity - 1], (kCapacity - 1) ^ 5);
}

// Two walks that take turns, from places of their own: neither has a page fault a page, and neither runs far ahead.
TEST(virtual_array_runs_ahead_of_two_walks) {
  constexpr size_t kCapacity = size_t{1} << 20;  // 8 MiB
  constexpr size_t kSteps = kCapacity / 4;
  VirtualArray<uint64_t> array(kCapacity);
  for (size_t i = 0; i < kSteps; ++i) {
    for (const size_t at : {i, kCapacity / 2 + i}) {
      array.expect(at);
      array[at] = at + 1;
    }
  }
  const size_t written = 2 * kSteps * 8;
  const size_t resident = resident_bytes(array.data(), kCapacity * 8);
  CHECK(resident >= written);
  CHECK(resident <= written + written / 8 + 4 * kPage);
  for (size_t i = 0; i < kSteps; i += 511) CHECK_EQ(array[kCapacity / 2 + i], kCapacity / 2 + i + 1);
}

// Flags of the mapping that `address` lies in, as the kernel lists them (VmFlags of /proc/self/smaps).
std::string flags_at(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0;
    uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      here = reinterpret_cast<uintptr_t>(address) >= begin && reinterpret_cast<uintptr_t>(address) < end;
    } else if (here && line.rfind("VmFlags:", 0) == 0) {
      return line;
    }
  }
  return "";
}

// A huge page for each that is touched, where the array has room for one.
TEST(virtual_array_grows_by_huge_pages) {
  for (const size_t size : {kHugePage / 2, kHugePage, 5 * kHugePage + 8, 32 * kHugePage}) {
    VirtualArray<uint64_t> array(size / 8, Growth::kByHugePages);
    CHECK_EQ(array[0], 0U);
    CHECK(flags_at(array.data()).find(" hg") != std::string::npos);
    for (const size_t at : {size / 8 - 1, size_t{0}, size / 16}) {
      array.expect(at);
      array[at] = at + 1;
    }
    CHECK(resident_bytes(array.data(), size) <= 3 * kHugePage + kPage);
    CHECK_EQ(array.expected(size / 8), false);
    array.expect_all(size / 16);
    CHECK(array.expected(size / 16) && array.expected(0) && !array.expected(size / 8));
    array.expect_all(size / 8);
    CHECK(array.expected(size / 8) && array.expected(size));
    CHECK(resident_bytes(array.data(), size) >= size);
    for (size_t at = 1; at < size / 8 - 1; at += 509) CHECK_EQ(array[at], at == size / 16 ? at + 1 : 0);
  }
  VirtualArray<uint64_t> array(kHugePage / 16 - 1, Growth::kByHugePages);
  array.expect(kHugePage / 64);
  array[kHugePage / 64] = 1;
  array.expect_all(array.capacity());
  // The element's, which may lie across two pages, and the first, where that begins with the mapping's own table.
  CHECK(resident_bytes(array.data(), array.capacity() * 8) <= 3 * kPage);
}

// What an array says of its pages stays within it: the mapping that lies above is a stranger's.
TEST(virtual_array_leaves_its_neighbours_alone) {
  for (const Growth growth : {Growth::kWithUse, Growth::kByHugePages}) {
    for (size_t size = kHugePage / 2; size <= 5 * kHugePage; size += kHugePage / 4 + 24) {
      // Made before, it lies above; of other rights, so that the two stay two.
      void* const neighbour = mmap(nullptr, kHugePage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      {
        VirtualArray<uint64_t> array(size / 8, growth);
        for (size_t at = 0; at < size / 8; ++at) {
          array.expect(at);
          array[at] = at;
        }
        CHECK(flags_at(neighbour).find(" hg") == std::string::npos);
      }
      munmap(neighbour, kHugePage);
    }
  }
}

// Elements of one index in arrays of equal size, which an op visits together, lie in different sets of the cache: the
// arrays do not begin at one place of a page.
TEST(virtual_array_places_arrays_apart) {
  for (const Growth growth : {Growth::kWithUse, Growth::kByHugePages}) {
    constexpr size_t kArrays = 16;
    std::vector<VirtualArray<uint64_t>> arrays;
    std::set<uintptr_t> places;
    for (size_t i = 0; i < kArrays; ++i) {
      arrays.emplace_back(size_t{1} << 20, growth);
      CHECK_EQ(reinterpret_cast<uintptr_t>(arrays[i].data()) % 64, 0U);
      places.insert(reinterpret_cast<uintptr_t>(arrays[i].data()) % kPage);
    }
    CHECK(places.size() >= kArrays / 2);
  }
}

// Elements larger than a page's share, a capacity that is no whole page, steps skipped.
TEST(virtual_array_runs_ahead_of_any_element) {
  struct Big {
    uint64_t words[256];
  };
  VirtualArray<Big> big(1001);
  VirtualArray<uint16_t> small(3001);
  for (size_t i = 0; i < 1001; i += 1 + i % 3) {
    big.expect(i);
    CHECK_EQ(big[i].words[255], 0U);
    big[i].words[255] = i;
    small.expect(3 * i);
    small[3 * i] = static_cast<uint16_t>(i);
  }
  for (size_t i = 0; i < 1001; i += 1 + i % 3) {
    CHECK_EQ(big[i].words[255], i);
    CHECK_EQ(small[3 * i], i);
  }
}

TEST(virtual_array_of_nothing) {
  const VirtualArray<uint32_t> array(0);
  CHECK_EQ(array.capacity(), 0U);
  CHECK(array.data() == nullptr);
}

TEST(virtual_array_refuses_what_no_address_space_holds) {
  for (const size_t capacity : {SIZE_MAX, SIZE_MAX / 8, size_t{1} << 56}) {
    bool refused = false;
    try {
      const VirtualArray<uint64_t> array(capacity);
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    CHECK(refused);
  }
}

TEST(line_numbers_fuzz) {
  test::Random random(4);
  LineNumbers numbers(20000);
  std::set<uint32_t> taken;
  for (int step = 0; step < 20000; ++step) {
    if (taken.empty() || random.below(5) < 3) {
      const uint32_t line = numbers.take();
      CHECK(taken.insert(line).second);
      CHECK(line < numbers.high_water());
    } else {
      auto it = taken.begin();
      std::advance(it, static_cast<ptrdiff_t>(random.below(std::min<uint64_t>(taken.size(), 50))));
      numbers.give(*it);
      taken.erase(it);
    }
    CHECK_EQ(numbers.in_use(), taken.size());
  }
}

TEST(line_numbers_end) {
  LineNumbers numbers(2);
  const auto refused = [&] {
    try {
      numbers.take();
      return false;
    } catch (const std::bad_alloc&) {
      return true;
    }
  };
  CHECK(!refused());
  CHECK(!refused());
  CHECK(refused());
  numbers.give(0);
  CHECK_EQ(numbers.take(), 0U);
  CHECK(refused());
  CHECK_EQ(numbers.in_use(), 2U);
}

TEST(quantity_of_any_double) {
  constexpr double kLimit = 9007199254740992.0;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const struct {
    double value;
    int64_t wanted;
  } cases[] = {
      {0, 0},
      {-0.0, 0},
      {4096, 4096},
      {-4096, -4096},
      {4096.75, 4096},
      {kLimit - 1, (int64_t{1} << 53) - 1},
      {kLimit, int64_t{1} << 53},
      {-kLimit, -(int64_t{1} << 53)},
      {1e300, int64_t{1} << 53},
      {-1e300, -(int64_t{1} << 53)},
      {kInfinity, int64_t{1} << 53},
      {-kInfinity, -(int64_t{1} << 53)},
      {std::nan(""), -1},
      {-std::nan(""), -1},
  };
  for (const auto& [value, wanted] : cases) CHECK_EQ(quantity(value), wanted);
}

}  // namespace
}  // namespace gmem
