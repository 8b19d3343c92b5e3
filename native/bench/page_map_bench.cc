// The prepared map alone: the marks of a file of 512 GiB, uniform (2M folios wholly marked) and mixed (every block a
// line of its own with all pages but one), beside a flat bitmap of the same pages.
#include <memory>
#include <string>

#include "bench/bench.h"
#include "core/page_map.h"
#include "core/page_scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gmem {
namespace {

using bench::keep;
using bench::scrambled;
using bench::Timer;

constexpr uint32_t kBlockBits = 18;
constexpr uint64_t kBlocks = uint64_t{1} << kBlockBits;

void count_by_each_path(Timer& timer, const PageMap& map) {
  for (uint32_t path = 0; path < spec::kSimdPaths; ++path) {
    const SimdKernels* simd = simd_kernels(static_cast<Simd>(path));
    if (simd == nullptr) continue;
    timer.measure((std::string("count all, ") + spec::kSimdNames[path] + " (one operation)").c_str(), 1,
                  [&] { keep(PageScan(map, *simd).marked(0, kBlocks, true)); });
  }
}

BENCH(prepared_512g_uniform) {
  PageLines lines(kBlocks);
  PageMap map(lines, {kBlocks * kBlockPages});
  for (uint64_t block = 0; block < kBlocks; ++block) map.change(block).set_run(BlockWord::Held::k2m, block);
  timer.measure("set 512, random", kBlocks, [&] {
    for (uint64_t i = 0; i < kBlocks; ++i) map.change(scrambled(i, kBlockBits)).set_all_marked(true);
  });
  timer.measure("test 512, random", kBlocks, [&] {
    uint64_t all = 0;
    for (uint64_t i = 0; i < kBlocks; ++i) all += map.word(scrambled(i, kBlockBits)).all_marked();
    keep(all);
  });
  count_by_each_path(timer, map);
}

BENCH(prepared_512g_mixed) {
  PageLines lines(kBlocks);
  PageMap map(lines, {kBlocks * kBlockPages});
  for (uint64_t i = 0; i < kBlocks; ++i) {
    const uint64_t block = scrambled(i, kBlockBits);
    lines.insert_run(map.open_line(block), Pfn::of_block(block));
  }
  timer.measure("set 511 of 512, random", kBlocks, [&] {
    const Bitmap512 most = Bitmap512::range(1, kBlockPages);
    for (uint64_t i = 0; i < kBlocks; ++i) {
      Bitmap512& marked = lines.marked(map.word(scrambled(i, kBlockBits)).line());
      marked = marked | most;
    }
  });
  timer.measure("test 512, random", kBlocks, [&] {
    uint64_t all = 0;
    for (uint64_t i = 0; i < kBlocks; ++i) all += lines.marked(map.word(scrambled(i, kBlockBits)).line()).all();
    keep(all);
  });
  timer.measure("test one, random", kBlocks, [&] {
    uint64_t some = 0;
    for (uint64_t i = 0; i < kBlocks; ++i) {
      some += map.marked(Index::of_block(scrambled(i, kBlockBits), static_cast<uint32_t>(i) & (kBlockPages - 1)));
    }
    keep(some);
  });
  count_by_each_path(timer, map);
  // As where several files share the pool: by block words in guest order, the lines as they come.
  timer.measure("count all, lines gathered (one operation)", 1,
                [&] { keep(PageScan(map, best_simd()).marked(0, kBlocks, false)); });
}

// The least that a count of uniform blocks can do: read as many words, and add them up.
#if defined(__x86_64__)
__attribute__((target("avx512f"))) uint64_t sum(const uint32_t* words, uint64_t n) {
  __m512i sums[8] = {};
  for (uint64_t i = 0; i < n; i += 128) {
    for (uint64_t j = 0; j < 8; ++j) {
      sums[j] = _mm512_add_epi32(sums[j], _mm512_loadu_si512(words + i + 16 * j));
    }
  }
  uint64_t total = 0;
  for (const __m512i& part : sums) {
    uint32_t of_part[16];
    _mm512_storeu_si512(of_part, part);
    for (const uint32_t lane : of_part) total += lane;
  }
  return total;
}

BENCH(words_512g) {
  if (!__builtin_cpu_supports("avx512f")) return;
  VirtualArray<uint32_t> words(kBlocks);
  for (uint64_t block = 0; block < kBlocks; ++block) words[block] = static_cast<uint32_t>(block);
  timer.measure("sum of a word a block, avx512 (one operation)", 1, [&] { keep(sum(words.data(), kBlocks)); });
}
#endif

// What the two above stand against.
BENCH(flat_bitmap_512g) {
  VirtualArray<Bitmap512> flat(kBlocks);
  for (uint64_t block = 0; block < kBlocks; ++block) flat[block].fill(false);
  timer.measure("set 512, random", kBlocks, [&] {
    for (uint64_t i = 0; i < kBlocks; ++i) flat[scrambled(i, kBlockBits)].fill(true);
  });
  timer.measure("test 512, random", kBlocks, [&] {
    uint64_t all = 0;
    for (uint64_t i = 0; i < kBlocks; ++i) all += flat[scrambled(i, kBlockBits)].all();
    keep(all);
  });
  for (uint32_t path = 0; path < spec::kSimdPaths; ++path) {
    const SimdKernels* simd = simd_kernels(static_cast<Simd>(path));
    if (simd == nullptr) continue;
    timer.measure((std::string("count all, ") + spec::kSimdNames[path] + " (one operation)").c_str(), 1,
                  [&] { keep(simd->count(flat.data(), kBlocks)); });
  }
}

}  // namespace
}  // namespace gmem
