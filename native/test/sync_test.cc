// Locks, the team, and frames reserved by lanes. What these tests cannot see, ThreadSanitizer does.
#include "core/sync.h"

#include <sched.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "core/frame_reserve.h"
#include "core/line_store.h"
#include "core/team.h"
#include "test/test.h"

namespace gmem {
namespace {

constexpr uint32_t kMembers = 3;
constexpr uint64_t kRounds = 3000;

TEST(spin_lock_lets_one_in) {
  Team team(kMembers);
  SpinLock lock;
  uint64_t plain = 0;
  LockFigures figures[kMembers];
  auto work = [&](uint32_t member) {
    for (uint64_t i = 0; i < kRounds; ++i) {
      const SpinGuard guard(lock, figures[member]);
      ++plain;
    }
  };
  team.run(work);
  CHECK_EQ(plain, kRounds * kMembers);
  for (const LockFigures& of : figures) CHECK_EQ(of.acquisitions, kRounds);
}

// Readers see either both of two plain numbers changed or neither; writers change them.
TEST(sharded_lock_keeps_writers_from_readers) {
  Team team(kMembers);
  ShardedLock lock(kMembers);
  uint64_t left = 0;
  uint64_t right = 0;
  uint64_t torn[kMembers] = {};
  LockFigures figures[kMembers];
  auto work = [&](uint32_t member) {
    for (uint64_t i = 0; i < kRounds; ++i) {
      if (i % 16 == member) {
        lock.lock(figures[member]);
        ++left;
        ++right;
        lock.unlock();
      } else {
        lock.lock_shared(member, figures[member]);
        if (left != right) ++torn[member];
        lock.unlock_shared(member);
      }
    }
  };
  team.run(work);
  uint64_t writes = 0;
  for (uint64_t i = 0; i < kRounds; ++i) writes += i % 16 < kMembers ? 1 : 0;
  CHECK_EQ(left, writes);
  CHECK_EQ(right, writes);
  for (uint32_t member = 0; member < kMembers; ++member) {
    CHECK_EQ(torn[member], uint64_t{0});
    CHECK_EQ(figures[member].acquisitions, kRounds);
  }
}

// Two who walk in step, a power of two apart, do not take the same stripe all the way.
TEST(stripes_of_walkers_differ) {
  StripedLock stripes;
  for (uint64_t apart = 1; apart < uint64_t{1} << 40; apart <<= 1) {
    uint64_t met = 0;
    for (uint64_t i = 0; i < 32768; ++i) met += &stripes.of(i, 1) == &stripes.of(i + apart, 1) ? 1 : 0;
    CHECK(met <= 4096);
    for (uint64_t i = 1; i < 4096; ++i) CHECK(&stripes.of(i, 7) != &stripes.of(i - 1, 7));
  }
}

TEST(team_does_every_piece_once) {
  for (const uint32_t size : {1U, 2U, 5U}) {
    Team team(size);
    CHECK_EQ(team.size(), size);
    std::vector<uint64_t> calls(size);
    auto work = [&](uint32_t member) { ++calls[member]; };
    for (uint64_t piece = 0; piece < 500; ++piece) team.run(work);
    for (const uint64_t of : calls) CHECK_EQ(of, uint64_t{500});
  }
}

// A system that wakes a member where its caller runs lets it wait there.
TEST(team_keeps_off_the_callers_processor) {
  cpu_set_t allowed;
  CHECK_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
  const int before = CPU_COUNT(&allowed);
  for (const uint32_t size : {2U, static_cast<uint32_t>(before) + 1}) {
    Team team(size);
    std::vector<cpu_set_t> processors(size);
    std::vector<int> ran_on(size);
    auto work = [&](uint32_t member) {
      CHECK_EQ(sched_getaffinity(0, sizeof processors[member], &processors[member]), 0);
      ran_on[member] = sched_getcpu();
    };
    team.run(work);
    CHECK(CPU_EQUAL(&processors[0], &allowed));
    // Where there are not enough processors for all, every member may use every one.
    const int others = before > static_cast<int>(size) - 1 ? before - 1 : before;
    for (uint32_t member = 1; member < size; ++member) {
      cpu_set_t both;
      CPU_AND(&both, &processors[member], &allowed);
      CHECK(CPU_EQUAL(&both, &processors[member]));
      CHECK_EQ(CPU_COUNT(&processors[member]), others);
      CHECK(CPU_ISSET(ran_on[member], &processors[member]));
    }
  }
}

// Whoever throws: the others finish, and the caller is told of one.
TEST(team_throws_what_a_member_threw) {
  Team team(kMembers);
  for (uint32_t throwing = 0; throwing < (1U << kMembers); ++throwing) {
    uint64_t calls[kMembers] = {};
    auto work = [&](uint32_t member) {
      ++calls[member];
      if ((throwing >> member & 1) != 0) throw static_cast<int>(member);
    };
    int thrown = -1;
    try {
      team.run(work);
    } catch (const int member) {
      thrown = member;
    }
    CHECK_EQ(thrown >= 0, throwing != 0);
    CHECK(thrown < 0 || (throwing >> thrown & 1) != 0);
    for (const uint64_t of : calls) CHECK_EQ(of, uint64_t{1});
  }
}

TEST(team_wakes_after_sleep) {
  Team team(2);
  uint64_t calls[2] = {};
  auto work = [&](uint32_t member) { ++calls[member]; };
  for (int piece = 0; piece < 3; ++piece) {
    team.run(work);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK_EQ(calls[0] + calls[1], uint64_t{6});
}

TEST(line_numbers_taken_beside_others_are_distinct) {
  Team team(kMembers);
  LineNumbers numbers(kMembers * kRounds);
  numbers.share(true);
  std::vector<uint32_t> taken[kMembers];
  auto work = [&](uint32_t member) {
    for (uint64_t i = 0; i < kRounds; ++i) {
      taken[member].push_back(numbers.take());
      if (i % 3 != 0) continue;
      numbers.give(taken[member].back());
      taken[member].pop_back();
    }
  };
  team.run(work);
  numbers.share(false);
  std::vector<uint32_t> all;
  for (const auto& of : taken) all.insert(all.end(), of.begin(), of.end());
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
  CHECK_EQ(uint64_t{numbers.in_use()}, uint64_t{all.size()});
}

TEST(frame_reserve_hands_out_and_gives_back) {
  constexpr uint64_t kBlocks = 64;
  Frames frames(Pages{kBlocks * kBlockPages}, Pages{8 * kBlockPages});
  Pool pool(8, kOrder2m);
  CHECK(pool.reserve(6));
  // A block of each class, partly used, and one of them by both.
  Pfn pfn;
  for (int i = 0; i < 5; ++i) CHECK(frames.take_page(Mobility::kUnmovable, pfn));
  for (int i = 0; i < 7; ++i) CHECK(frames.take_page(Mobility::kMovable, pfn));
  const uint64_t used = frames.used().value;

  FrameReserve reserve;
  reserve.take_at_once(3, 3);
  CHECK(!reserve.take_page(Mobility::kUnmovable, pfn));
  std::vector<bool> seen(kBlocks * kBlockPages);
  uint64_t handed_out = 0;
  for (int i = 0; i < 900; ++i) {
    const Mobility mobility = i % 3 == 0 ? Mobility::kMovable : Mobility::kUnmovable;
    if (!reserve.take_page(mobility, pfn)) {
      CHECK(reserve.fetch_pages(frames, mobility));
      CHECK(reserve.take_page(mobility, pfn));
    }
    CHECK(!seen[pfn.value]);
    CHECK(!frames.is_free(pfn));
    seen[pfn.value] = true;
    ++handed_out;
  }
  CHECK(reserve.fetch_blocks(frames, Mobility::kUnmovable));
  CHECK(reserve.take_block(Mobility::kUnmovable, pfn));
  handed_out += kBlockPages;
  CHECK(reserve.fetch_huge_pages(pool));
  CHECK(reserve.take_huge_page(kOrder2m, pfn));
  CHECK_EQ(pool.free(), uint64_t{5});
  reserve.give_back(frames, pool);
  CHECK_EQ(pool.free(), uint64_t{7});
  CHECK_EQ(pool.reserved(), uint64_t{6});
  CHECK_EQ(frames.used().value, used + handed_out);
  CHECK_EQ(frames.count_free().value, (kBlocks - 8) * kBlockPages - used - handed_out);
  CHECK(!reserve.take_page(Mobility::kUnmovable, pfn));
  CHECK(!reserve.take_block(Mobility::kUnmovable, pfn));
  CHECK(!reserve.take_huge_page(kOrder2m, pfn));
}

// Blocks out of several runs of 64, of which some are in use: each once, ascending, and the rest is given back.
TEST(frame_reserve_takes_blocks_of_many_runs) {
  constexpr uint64_t kBlocks = 640;
  Frames frames(Pages{kBlocks * kBlockPages}, Pages{0});
  Pool pool(0, kOrder2m);
  std::vector<bool> taken(kBlocks);
  Pfn pfn;
  for (uint64_t block = 0; block < kBlocks; block += block % 128 == 60 ? 68 : 5) {
    frames.take_exactly(Pfn::of_block(block), Mobility::kUnmovable);
    taken[block] = true;
  }
  const uint64_t used = frames.used().value;
  for (const uint32_t at_once : {1U, 63U, 64U, 65U, 200U, FrameReserve::kMostAtOnce}) {
    FrameReserve reserve;
    reserve.take_at_once(at_once, 1);
    std::vector<bool> seen = taken;
    uint64_t handed_out = 0;
    uint64_t last = 0;
    while (handed_out < 300) {
      if (!reserve.take_block(Mobility::kUnmovable, pfn)) {
        if (!reserve.fetch_blocks(frames, Mobility::kUnmovable)) break;
        continue;
      }
      CHECK(!seen[pfn.block()] && (handed_out == 0 || pfn.value > last));
      seen[pfn.block()] = true;
      last = pfn.value;
      ++handed_out;
    }
    CHECK(handed_out == 300 || frames.next_free_block(0) == BitTree::kNone);
    CHECK(frames.used().value - used <= (handed_out + at_once) * kBlockPages);
    reserve.give_back(frames, pool);
    CHECK_EQ(frames.used().value, used + handed_out * kBlockPages);
    for (uint64_t block = 0; block < kBlocks; ++block) {
      if (seen[block] && !taken[block]) frames.give_block(Pfn::of_block(block), Mobility::kUnmovable);
    }
  }
}

TEST(frame_reserve_takes_the_other_class_last) {
  Frames frames(Pages{4 * kBlockPages}, Pages{0});
  Pfn pfn;
  CHECK(frames.take_page(Mobility::kMovable, pfn));
  for (int i = 0; i < 3; ++i) CHECK(frames.take_block(Mobility::kUnmovable, pfn));
  FrameReserve reserve;
  Pool pool(0, kOrder2m);
  CHECK(reserve.fetch_pages(frames, Mobility::kUnmovable));
  CHECK(reserve.take_page(Mobility::kUnmovable, pfn));
  CHECK_EQ(frames.used().value, uint64_t{4 * kBlockPages});
  reserve.give_back(frames, pool);
  CHECK_EQ(frames.used().value, uint64_t{3 * kBlockPages + 2});
  CHECK_EQ(frames.stranded().value, uint64_t{kBlockPages - 2});
  frames.give_page(pfn, Mobility::kUnmovable);
  CHECK_EQ(frames.stranded().value, uint64_t{0});
}

}  // namespace
}  // namespace gmem
