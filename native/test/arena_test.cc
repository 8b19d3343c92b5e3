// Arena against plain bytes: what is read is what was written, no byte outlives its owner, the limit holds.
#include "core/arena.h"

#include <cstring>
#include <string>
#include <vector>

#include "test/test.h"

namespace gmem {
namespace {

TEST(arena_fuzz) {
  constexpr uint64_t kPages = 2 * kBlockPages;
  constexpr uint64_t kLimitPages = 40;
  test::Random random(60);
  Arena arena({kPages}, true, kLimitPages * kPageBytes);
  std::vector<std::vector<uint8_t>> naive(kPages);  // empty: never written
  std::vector<uint8_t> fresh(kPages, 0);            // what such a page reads
  uint64_t resident = 0;
  for (int step = 0; step < 20000 && !test::failed(); ++step) {
    const uint64_t pfn = random.below(64) * 16;
    std::vector<uint8_t>& page = naive[pfn];
    const auto offset = static_cast<uint32_t>(random.below(kPageBytes));
    const auto bytes = static_cast<uint32_t>(1 + random.below(kPageBytes - offset));
    switch (random.below(7)) {
      case 0:
      case 1: {
        const auto value = static_cast<uint8_t>(random.below(3));
        const bool fits = !page.empty() || resident < kLimitPages;
        CHECK_EQ(arena.write({pfn}, offset, bytes, value, random.one_in(4)), fits);
        if (!fits) break;
        if (page.empty()) {
          page.assign(kPageBytes, fresh[pfn]);
          ++resident;
        }
        std::memset(page.data() + offset, value, bytes);
        break;
      }
      case 2: {
        uint8_t value = 77;
        const bool uniform = arena.read_uniform({pfn}, offset, bytes, value);
        bool wanted = true;
        for (uint32_t i = 0; i < bytes && !page.empty(); ++i) wanted = wanted && page[offset + i] == page[offset];
        CHECK_EQ(uniform, wanted);
        if (wanted) CHECK_EQ(value, page.empty() ? fresh[pfn] : page[offset]);
        break;
      }
      case 3:
        arena.clear_page({pfn});
        if (!page.empty()) std::memset(page.data(), 0, kPageBytes);
        fresh[pfn] = 0;
        break;
      case 5:
        arena.scramble_page({pfn});
        if (!page.empty()) std::memset(page.data(), 0xA5, kPageBytes);
        if (page.empty()) fresh[pfn] = 0xA5;
        break;
      case 4:
        arena.drop_page({pfn});
        if (!page.empty()) --resident;
        page.clear();
        fresh[pfn] = 0;
        break;
      default: {
        if (!random.one_in(20)) break;
        const uint64_t first = pfn - pfn % kBlockPages;
        const bool drop = random.one_in(2);
        if (drop) {
          arena.drop_block({first});
        } else {
          arena.clear_block({first});
        }
        for (uint64_t i = 0; i < kBlockPages; ++i) {
          std::vector<uint8_t>& one = naive[first + i];
          fresh[first + i] = 0;
          if (one.empty()) continue;
          if (drop) {
            one.clear();
            --resident;
          } else {
            std::memset(one.data(), 0, kPageBytes);
          }
        }
        break;
      }
    }
    CHECK_EQ(arena.resident_bytes(), resident * kPageBytes);
  }
}

TEST(arena_clears_a_fully_written_block) {
  Arena arena({kBlockPages}, true, kBlockBytes);
  for (uint32_t i = 0; i < kBlockPages; ++i) CHECK(arena.write({i}, 0, kPageBytes, 9, true));
  arena.clear_block({0});
  uint8_t value = 1;
  for (uint32_t i = 0; i < kBlockPages; ++i) CHECK(arena.read_uniform({i}, 0, kPageBytes, value) && value == 0);
}

TEST(arena_clears_a_block_by_every_path_and_its_neighbours_stay) {
  for (uint32_t path = 0; path < spec::kSimdPaths; ++path) {
    const SimdKernels* simd = simd_kernels(static_cast<Simd>(path));
    if (simd == nullptr) continue;
    constexpr uint64_t kPages = 3 * kBlockPages;
    Arena arena({kPages}, true, kPages * kPageBytes, *simd);
    for (uint32_t i = 0; i < kPages; ++i) CHECK(arena.write({i}, 0, kPageBytes, 9, true));
    arena.clear_block({kBlockPages});
    CHECK_EQ(arena.resident_bytes(), kPages * kPageBytes);
    for (uint32_t i = 0; i < kPages; ++i) {
      uint8_t value = 1;
      CHECK(arena.read_uniform({i}, 0, kPageBytes, value));
      CHECK_EQ(value, i / kBlockPages == 1 ? uint8_t{0} : uint8_t{9});
    }
  }
}

TEST(arena_without_contents) {
  Arena arena({kBlockPages}, false, 0);
  CHECK(arena.write({0}, 0, 100, 5, false));
  uint8_t value = 1;
  CHECK(arena.read_uniform({0}, 0, 100, value));
  CHECK_EQ(value, uint8_t{0});
  arena.clear_page({0});
  arena.clear_block({0});
  arena.drop_page({0});
  arena.drop_block({0});
  CHECK_EQ(arena.resident_bytes(), 0U);
}

}  // namespace
}  // namespace gmem
