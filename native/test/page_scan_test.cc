// Scans of a page map by every path of this CPU against page by page questions, with the pool alone and shared.
#include "core/page_scan.h"

#include "test/test.h"

namespace gmem {
namespace {

constexpr uint64_t kBlocks = 2 * kRegionBlocks + 37;

void fill_at_random(PageMap& map, test::Random& random) {
  for (uint64_t block = 0; block < map.blocks(); ++block) {
    switch (random.below(6)) {
      case 0:
        map.hold_run(block, BlockWord::Held::k2m, block);
        if (random.one_in(2)) map.mark_all(block);
        break;
      case 1: {
        map.hold_run(block, BlockWord::Held::kSmallRun, block);
        Bitmap512& marked = map.lines().marked(map.open_line(block));
        for (int i = 0; i < 40; ++i) marked.set(static_cast<uint32_t>(random.below(kBlockPages)));
        break;
      }
      case 2:
      case 3: {
        const uint32_t line = map.open_line(block);
        for (int i = 0; i < 100; ++i) {
          const auto page = static_cast<uint32_t>(random.below(kBlockPages));
          if (map.lines().present(line).test(page)) continue;
          map.lines().insert(line, page, {random.below(1 << 20)});
          if (random.one_in(2)) map.lines().marked(line).set(page);
          if (random.one_in(3)) map.lines().leaves(line).set(page);
        }
        break;
      }
      default:
        break;  // untouched
    }
  }
}

TEST(page_scan_fuzz) {
  test::Random random(0x61);
  for (int round = 0; round < 8 && !test::failed(); ++round) {
    PageLines lines(2 * kBlocks);
    PageMap map(lines, {kBlocks * kBlockPages});
    PageMap other(lines, {kBlocks * kBlockPages});
    const bool alone = round % 2 == 0;
    if (!alone) fill_at_random(other, random);
    fill_at_random(map, random);
    const uint64_t first = round < 4 ? 0 : random.below(kBlocks);
    const uint64_t end = round < 4 ? kBlocks : first + random.below(kBlocks - first + 1);
    uint64_t present = 0;
    uint64_t marked = 0;
    uint64_t leaves = 0;
    for (Index index = Index::of_block(first); index < Index::of_block(end); index = index + Pages{1}) {
      present += map.present(index) ? 1 : 0;
      marked += map.marked(index) ? 1 : 0;
      leaves += map.leaf_order(index) == static_cast<int>(kOrder4k) ? 1 : 0;
    }
    for (uint32_t path = 0; path < spec::kSimdPaths; ++path) {
      const SimdKernels* simd = simd_kernels(static_cast<Simd>(path));
      if (simd == nullptr) continue;
      const PageScan scan(map, *simd);
      CHECK_EQ(scan.present(first, end, alone), present);
      CHECK_EQ(scan.marked(first, end, alone), marked);
      CHECK_EQ(scan.small_leaves(first, end, alone), leaves);
      CHECK_EQ(scan.marked(first, end, false), marked);
    }
  }
}

}  // namespace
}  // namespace gmem
