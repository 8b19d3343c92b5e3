// The frame allocator alone, over 512 GiB.
#include <chrono>

#include "bench/bench.h"
#include "core/frame_reserve.h"
#include "core/frames.h"
#include "core/sync.h"
#include "core/team.h"

namespace gmem {
namespace {

using bench::scrambled;
using bench::Timer;

constexpr uint32_t kBits = 27;  // 2^27 pages are 512 GiB
constexpr uint64_t kPages = uint64_t{1} << kBits;
constexpr uint64_t kBlocks = kPages / kBlockPages;
constexpr uint32_t kHoleBits = 22;

BENCH(frames_2m_512g) {
  Frames frames({kPages}, {0});
  Pfn pfn;
  timer.measure("get, all of them", kBlocks, [&] {
    for (uint64_t i = 0; i < kBlocks; ++i) frames.take_block(Mobility::kUnmovable, pfn);
  });
  timer.measure("put, random order", kBlocks, [&] {
    for (uint64_t i = 0; i < kBlocks; ++i)
      frames.give_block(Pfn::of_block(scrambled(i, kBits - kBlockShift)), Mobility::kUnmovable);
  });
}

// As lanes take them in an epoch: out of a reserve that is filled under the allocator's lock. Nothing is put back while
// lanes run side by side. Of the clock on the wall, by the frames of one thread.
BENCH(frames_2m_512g_two_threads) {
  Frames frames({kPages}, {0});
  SpinLock lock;
  FrameReserve reserves[2];
  LockFigures figures[2];
  Team team(2);
  auto work = [&](uint32_t member) {
    Pfn pfn;
    for (uint64_t i = 0; i < kBlocks / 2; ++i) {
      if (reserves[member].take_block(Mobility::kUnmovable, pfn)) continue;
      const SpinGuard guard(lock, figures[member]);
      reserves[member].fetch_blocks(frames, Mobility::kUnmovable);
      reserves[member].take_block(Mobility::kUnmovable, pfn);
    }
  };
  timer.measure("get, a thread", kBlocks / 2, [&] { team.run(work); });
}

BENCH(frames_4k_512g) {
  Frames frames({kPages}, {0});
  Pfn pfn;
  timer.measure("get, all of them", kPages, [&] {
    for (uint64_t i = 0; i < kPages; ++i) frames.take_page(Mobility::kUnmovable, pfn);
  });
  constexpr uint64_t kHoles = uint64_t{1} << kHoleBits;
  timer.measure("put, random order over 512 GiB", kHoles, [&] {
    for (uint64_t i = 0; i < kHoles; ++i) frames.give_page({scrambled(i, kBits)}, Mobility::kUnmovable);
  });
  timer.measure("get, into random holes", kHoles, [&] {
    for (uint64_t i = 0; i < kHoles; ++i) frames.take_page(Mobility::kUnmovable, pfn);
  });
  timer.measure("put of 512 in a call, random order over 512 GiB", kHoles, [&] {
    for (uint64_t i = 0; i < kHoles; i += kBlockPages) {
      Pfn pfns[kBlockPages];
      for (uint64_t j = 0; j < kBlockPages; ++j) pfns[j] = {scrambled(i + j, kBits)};
      frames.give_pages(pfns, kBlockPages, Mobility::kUnmovable);
    }
  });
  timer.measure("get, into random holes again", kHoles, [&] {
    for (uint64_t i = 0; i < kHoles; ++i) frames.take_page(Mobility::kUnmovable, pfn);
  });
  timer.measure("put, ascending", kPages, [&] {
    for (uint64_t i = 0; i < kPages; ++i) frames.give_page({i}, Mobility::kUnmovable);
  });
}

}  // namespace
}  // namespace gmem
