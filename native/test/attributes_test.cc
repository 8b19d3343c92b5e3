// KindRanges and KindMap against one bool a gfn.
#include "core/attributes.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/test.h"

namespace gmem {
namespace {

Run<Gfn> run_of(uint64_t first, uint64_t end) { return {{first}, {end}}; }

std::vector<Run<Gfn>> maximal_runs(const std::vector<bool>& bits, uint64_t first, uint64_t end) {
  std::vector<Run<Gfn>> runs;
  for (uint64_t i = first; i < end; ++i) {
    if (!bits[i]) continue;
    const uint64_t from = i;
    while (i < end && bits[i]) ++i;
    runs.push_back(run_of(from, i));
  }
  return runs;
}

TEST(kind_ranges_fuzz) {
  constexpr uint64_t kGfns = 300;
  test::Random random(40);
  KindRanges ranges;
  std::vector<bool> naive(kGfns, false);
  for (int step = 0; step < 30000 && !test::failed(); ++step) {
    const uint64_t first = random.below(kGfns);
    const uint64_t end = first + random.below(std::min<uint64_t>(kGfns - first, random.one_in(4) ? 300 : 20) + 1);
    const bool add = random.one_in(2);
    uint64_t had = 0;
    for (uint64_t i = first; i < end; ++i) {
      had += naive[i];
      naive[i] = add;
    }
    if (add) {
      CHECK_EQ(ranges.add(run_of(first, end)), end - first - had);
    } else {
      CHECK_EQ(ranges.remove(run_of(first, end)), had);
    }
    // Disjoint and not touching: what is visited are the maximal runs.
    const uint64_t from = random.below(kGfns);
    const uint64_t to = from + random.below(kGfns - from + 1);
    const std::vector<Run<Gfn>> wanted = maximal_runs(naive, from, to);
    std::vector<Run<Gfn>> visited;
    ranges.for_each(run_of(from, to), [&](Run<Gfn> part) { visited.push_back(part); });
    CHECK_EQ(visited.size(), wanted.size());
    uint64_t members = 0;
    for (size_t i = 0; i < wanted.size() && i < visited.size(); ++i) {
      CHECK_EQ(visited[i].first, wanted[i].first);
      CHECK_EQ(visited[i].end, wanted[i].end);
      members += wanted[i].size().value;
    }
    CHECK_EQ(ranges.count(run_of(from, to)), members);
    // In parts of a few ranges each, none is left out.
    const uint64_t at_once = 1 + random.below(4);
    uint64_t in_parts = 0;
    for (Run<Gfn> left = run_of(from, to); !left.empty();) {
      const Gfn cut = ranges.reach(left, at_once);
      CHECK(cut > left.first && cut <= left.end);
      if (test::failed()) break;
      CHECK(maximal_runs(naive, left.first.value, cut.value).size() <= at_once);
      in_parts += ranges.count({left.first, cut});
      left.first = cut;
    }
    CHECK_EQ(in_parts, members);
    const uint64_t one = random.below(kGfns);
    CHECK_EQ(ranges.contains({one}), naive[one]);
  }
}

// A flip of every gfn a guest can have is one entry.
TEST(kind_ranges_at_the_limits) {
  KindRanges ranges;
  const uint64_t most = uint64_t{1} << 41;
  ranges.add(run_of(0, most));
  CHECK_EQ(ranges.count(run_of(0, most)), most);
  CHECK(ranges.contains({most - 1}));
  CHECK(!ranges.contains({most}));
  CHECK(!ranges.contains({~uint64_t{0} >> 12}));
  CHECK_EQ(ranges.remove(run_of(5, 6)), 1U);
  CHECK_EQ(ranges.count(run_of(0, most)), most - 1);
  CHECK_EQ(ranges.remove(run_of(0, most)), most - 1);
  CHECK_EQ(ranges.count(run_of(0, most)), 0U);
}

void fuzz_kind_map(uint64_t first, uint64_t end, uint64_t purpose) {
  test::Random random(purpose);
  FlagLines lines;
  auto map = std::make_unique<KindMap>(lines, run_of(first, end));
  const uint64_t size = end - first;
  std::vector<bool> naive(size, false);
  for (int step = 0; step < 3000 && !test::failed(); ++step) {
    uint64_t from = random.below(size);
    uint64_t to = from + random.below(std::min<uint64_t>(size - from, random.one_in(3) ? size : 40) + 1);
    if (random.one_in(5)) {
      // Whole blocks, so that words become uniform again.
      from = 0;
      to = size;
      if (random.one_in(2) && size > kBlockPages)
        to = std::min(size, (first / kBlockPages + 1) * kBlockPages - first + kBlockPages);
    }
    const bool changed = random.one_in(2);
    uint64_t differing = 0;
    for (uint64_t i = from; i < to; ++i) {
      differing += naive[i] != changed;
      naive[i] = changed;
    }
    CHECK_EQ(map->count_differing(run_of(first + from, first + to), changed), differing);
    CHECK_EQ(map->set(run_of(first + from, first + to), changed), differing);
    CHECK_EQ(map->count_differing(run_of(first + from, first + to), changed), 0U);
    const uint64_t one = random.below(size);
    CHECK_EQ(map->flagged({first + one}), static_cast<bool>(naive[one]));
    if (random.one_in(3)) {
      map->flip({first + one});
      naive[one] = !naive[one];
    }
    uint64_t flags = 0;
    for (uint64_t i = 0; i < size; ++i) {
      if ((first + i) / 64 == (first + one) / 64) flags |= uint64_t{naive[i]} << (first + i) % 64;
    }
    const uint64_t got = map->flags_of_64({first + one});
    for (uint64_t i = 0; i < size; ++i) {
      if ((first + i) / 64 != (first + one) / 64) continue;
      CHECK_EQ(got >> (first + i) % 64 & 1, flags >> (first + i) % 64 & 1);
    }
    if (step % 100 != 0) continue;
    std::vector<bool> visited(size, false);
    map->for_each_flagged([&](Run<Gfn> run) {
      for (uint64_t gfn = run.first.value; gfn < run.end.value; ++gfn) visited[gfn - first] = true;
    });
    CHECK(visited == naive);
    for (uint64_t block = (first + kBlockPages - 1) / kBlockPages; (block + 1) * kBlockPages <= end; ++block) {
      uint64_t set = 0;
      for (uint64_t i = 0; i < kBlockPages; ++i) set += naive[block * kBlockPages + i - first];
      CHECK_EQ(map->uniform(block), set == 0 || set == kBlockPages);
    }
  }
  map.reset();
  CHECK_EQ(lines.numbers.in_use(), 0U);
  for (uint32_t line = 0; line < lines.numbers.high_water(); ++line) CHECK(lines.bits[line].none());
}

// Every page of a block flipped, in an order of its own each round, from none to all and back: the block is uniform at
// the ends only, where it gives its line back; a page flipped twice is as before.
TEST(kind_map_flips_every_page) {
  test::Random random(45);
  for (int round = 0; round < 8 && !test::failed(); ++round) {
    FlagLines lines;
    KindMap map(lines, run_of(kBlockPages, 3 * kBlockPages));
    std::vector<uint64_t> order(kBlockPages);
    for (uint64_t i = 0; i < kBlockPages; ++i) order[i] = i;
    for (uint64_t i = kBlockPages; round > 0 && i-- > 1;) std::swap(order[i], order[random.below(i + 1)]);
    uint64_t words[8] = {};
    for (uint64_t step = 0; step < 2 * kBlockPages && !test::failed(); ++step) {
      const uint64_t page = order[step % kBlockPages];
      const Gfn gfn{2 * kBlockPages + page};
      map.flip(gfn);
      map.flip(gfn);
      map.flip(gfn);
      words[page / 64] ^= uint64_t{1} << page % 64;
      CHECK_EQ(map.flagged(gfn), step < kBlockPages);
      CHECK_EQ(map.flags_of_64(gfn), words[page / 64]);
      const bool uniform = step % kBlockPages == kBlockPages - 1;
      CHECK_EQ(map.uniform(2), uniform);
      CHECK_EQ(lines.numbers.in_use(), uniform ? 0U : 1U);
      CHECK_EQ(map.count_differing(run_of(2 * kBlockPages, 3 * kBlockPages), false),
               step < kBlockPages ? step + 1 : 2 * kBlockPages - 1 - step);
    }
    CHECK_EQ(map.count_differing(run_of(kBlockPages, 3 * kBlockPages), true), 2U * kBlockPages);
  }
}

TEST(kind_map_fuzz_aligned) { fuzz_kind_map(1024, 1024 + 4 * kBlockPages, 41); }
TEST(kind_map_fuzz_ragged) { fuzz_kind_map(700, 700 + 1777, 42); }
TEST(kind_map_fuzz_inside_one_block) { fuzz_kind_map(5, 100, 43); }
TEST(kind_map_fuzz_one_gfn) { fuzz_kind_map((uint64_t{1} << 40) - 1, uint64_t{1} << 40, 44); }

}  // namespace
}  // namespace gmem
