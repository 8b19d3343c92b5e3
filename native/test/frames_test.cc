// Frames against a model that keeps one state a page and reads docs/semantics.md section 3 word for word.
#include "core/frames.h"

#include <string>
#include <vector>

#include "test/test.h"

namespace gmem {
namespace {

enum class State : uint8_t { kFree, kUnmovable, kMovable, kSetAside };

State state_of(Mobility mobility) { return mobility == Mobility::kMovable ? State::kMovable : State::kUnmovable; }

// The rules, each as it is written. Only free pages a block are counted beside the states, for speed.
class NaiveFrames {
 public:
  explicit NaiveFrames(uint64_t blocks)
      : pages_(blocks * kBlockPages, State::kFree), class_(blocks, State::kFree), free_(blocks, kBlockPages) {}

  bool take_page(Mobility mobility, uint64_t& pfn) {
    const State wanted = state_of(mobility);
    int64_t block = lowest([&](uint64_t b) { return partial(b) && class_[b] == wanted; });
    if (block < 0) block = lowest([&](uint64_t b) { return wholly_free(b); });
    if (block < 0) block = lowest([&](uint64_t b) { return partial(b) && class_[b] != wanted; });
    if (block < 0) return false;
    pfn = static_cast<uint64_t>(block) * kBlockPages;
    while (pages_[pfn] != State::kFree) ++pfn;
    take(pfn, wanted);
    return true;
  }

  bool take_block(Mobility mobility, uint64_t& first) {
    int64_t block = lowest([&](uint64_t b) { return wholly_free(b) && !region_wholly_free(b / kRegionBlocks); });
    if (block < 0) block = lowest([&](uint64_t b) { return wholly_free(b); });
    if (block < 0) return false;
    first = static_cast<uint64_t>(block) * kBlockPages;
    for (uint64_t i = 0; i < kBlockPages; ++i) take(first + i, state_of(mobility));
    return true;
  }

  void take(uint64_t pfn, State state) {
    const uint64_t block = pfn / kBlockPages;
    if (wholly_free(block)) class_[block] = state;
    pages_[pfn] = state;
    --free_[block];
  }

  void give(uint64_t pfn) {
    const uint64_t block = pfn / kBlockPages;
    pages_[pfn] = State::kFree;
    if (++free_[block] == kBlockPages) class_[block] = State::kFree;
  }

  // A last region that is cut short counts as broken.
  bool region_wholly_free(uint64_t region) const {
    for (uint64_t block = region * kRegionBlocks; block < (region + 1) * kRegionBlocks; ++block) {
      if (block >= free_.size() || !wholly_free(block)) return false;
    }
    return true;
  }

  uint64_t stranded() const {
    uint64_t pages = 0;
    for (uint64_t block = 0; block < free_.size(); ++block) {
      if (!partial(block)) continue;
      bool unmovable = false;
      for (uint64_t i = 0; i < kBlockPages; ++i) unmovable |= pages_[block * kBlockPages + i] == State::kUnmovable;
      if (unmovable) pages += free_[block];
    }
    return pages;
  }

  uint64_t free_pages() const {
    uint64_t pages = 0;
    for (const State state : pages_) pages += state == State::kFree;
    return pages;
  }

  bool wholly_free(uint64_t block) const { return free_[block] == kBlockPages; }
  bool partial(uint64_t block) const { return free_[block] != 0 && free_[block] != kBlockPages; }
  State at(uint64_t pfn) const { return pages_[pfn]; }
  uint64_t blocks() const { return free_.size(); }

 private:
  template <class Predicate>
  int64_t lowest(Predicate predicate) const {
    for (uint64_t block = 0; block < free_.size(); ++block) {
      if (predicate(block)) return static_cast<int64_t>(block);
    }
    return -1;
  }

  std::vector<State> pages_;
  std::vector<State> class_;
  std::vector<uint32_t> free_;
};

// Both side by side; every answer is compared.
class Pair {
 public:
  explicit Pair(uint64_t blocks, uint64_t set_aside = 0)
      : frames_({blocks * kBlockPages}, {set_aside * kBlockPages}), naive_(blocks), pages_(blocks * kBlockPages) {
    for (uint64_t pfn = 0; pfn < set_aside * kBlockPages; ++pfn) naive_.take(pfn, State::kSetAside);
  }

  bool take_page(Mobility mobility) {
    Pfn pfn;
    uint64_t wanted = 0;
    const bool took = frames_.take_page(mobility, pfn);
    CHECK_EQ(took, naive_.take_page(mobility, wanted));
    if (took) {
      CHECK_EQ(pfn.value, wanted);
      held_.push_back({wanted, mobility, false});
    }
    return took;
  }
  bool take_block(Mobility mobility) {
    Pfn first;
    uint64_t wanted = 0;
    const bool took = frames_.take_block(mobility, first);
    CHECK_EQ(took, naive_.take_block(mobility, wanted));
    if (took) {
      CHECK_EQ(first.value, wanted);
      held_.push_back({wanted, mobility, true});
    }
    return took;
  }
  void take_exactly(uint64_t pfn, Mobility mobility) {
    if (naive_.at(pfn) != State::kFree) return;
    frames_.take_exactly({pfn}, mobility);
    naive_.take(pfn, state_of(mobility));
    held_.push_back({pfn, mobility, false});
  }
  void give(uint64_t position, bool page_by_page) {
    const Held held = held_[position];
    held_[position] = held_.back();
    held_.pop_back();
    if (held.block && !page_by_page) {
      frames_.give_block({held.pfn}, held.mobility);
    } else {
      for (uint64_t i = 0; i < (held.block ? kBlockPages : 1); ++i) frames_.give_page({held.pfn + i}, held.mobility);
    }
    for (uint64_t i = 0; i < (held.block ? kBlockPages : 1); ++i) naive_.give(held.pfn + i);
  }
  // Up to `most` pages of one mobility in a call, in the order of what is held.
  void give_pages(uint64_t most, Mobility mobility) {
    std::vector<Pfn> pfns;
    for (uint64_t i = 0; i < held_.size() && pfns.size() < most;) {
      if (held_[i].block || held_[i].mobility != mobility) {
        ++i;
        continue;
      }
      pfns.push_back({held_[i].pfn});
      naive_.give(held_[i].pfn);
      held_[i] = held_.back();
      held_.pop_back();
    }
    frames_.give_pages(pfns.data(), pfns.size(), mobility);
  }
  // A block that was taken whole is given back page by page from now on, as after a split.
  void split(uint64_t position) {
    const Held held = held_[position];
    if (!held.block) return;
    held_[position].block = false;
    for (uint64_t i = 1; i < kBlockPages; ++i) held_.push_back({held.pfn + i, held.mobility, false});
  }

  void check() const {
    const uint64_t free = naive_.free_pages();
    CHECK_EQ(frames_.count_free().value, free);
    CHECK_EQ(frames_.used().value, frames_.total().value - free);
    CHECK_EQ(frames_.stranded().value, naive_.stranded());
    uint64_t next = BitTree::kNone;
    for (uint64_t block = naive_.blocks(); block-- > 0;) {
      if (naive_.wholly_free(block)) next = block;
      CHECK_EQ(frames_.next_free_block(block), next);
    }
    for (uint64_t region = 0; region < frames_.regions(); ++region) {
      CHECK_EQ(frames_.region_free(region), naive_.region_wholly_free(region));
    }
  }
  void check_every_page() const {
    uint64_t wrong = 0;
    for (uint64_t pfn = 0; pfn < pages_; ++pfn) wrong += frames_.is_free({pfn}) != (naive_.at(pfn) == State::kFree);
    CHECK_EQ(wrong, 0U);
  }
  uint64_t held() const { return held_.size(); }
  uint64_t pages() const { return pages_; }

 private:
  struct Held {
    uint64_t pfn;
    Mobility mobility;
    bool block;
  };
  Frames frames_;
  NaiveFrames naive_;
  uint64_t pages_;
  std::vector<Held> held_;
};

Mobility any_mobility(test::Random& random) { return random.one_in(2) ? Mobility::kMovable : Mobility::kUnmovable; }

// Alternates between filling until refusals come and emptying, so that every class rule is met at every fullness.
void fuzz(uint64_t blocks, int steps, uint64_t purpose, uint64_t set_aside = 0) {
  test::Random random(purpose);
  Pair pair(blocks, set_aside);
  bool filling = true;
  for (int step = 0; step < steps && !test::failed(); ++step) {
    if (random.one_in(400)) filling = !filling;
    const uint64_t choice = random.below(filling ? 10 : 16);
    if (choice < 6) {
      pair.take_page(any_mobility(random));
    } else if (choice < 8) {
      pair.take_block(any_mobility(random));
    } else if (choice < 9) {
      pair.take_exactly(random.below(pair.pages()), any_mobility(random));
    } else if (pair.held() > 0) {
      const uint64_t position = random.below(pair.held());
      if (random.one_in(6)) {
        pair.split(position);
      } else if (random.one_in(8)) {
        pair.give_pages(random.below(80), any_mobility(random));
      } else {
        pair.give(position, random.one_in(3));
      }
    }
    if (random.one_in(blocks > 100 ? 500 : 50)) pair.check();
  }
  pair.check();
  pair.check_every_page();
  while (pair.held() > 0) pair.give(random.below(pair.held()), random.one_in(2));
  pair.check();
  pair.check_every_page();
}

TEST(frames_fuzz_one_block) { fuzz(1, 20000, 10); }
TEST(frames_fuzz_three_blocks) { fuzz(3, 40000, 11); }
TEST(frames_fuzz_one_region) { fuzz(512, 6000, 12); }
TEST(frames_fuzz_truncated_last_region) { fuzz(514, 6000, 13); }
TEST(frames_fuzz_three_regions) { fuzz(1025, 6000, 14); }
TEST(frames_fuzz_beside_a_pool) { fuzz(7, 20000, 16, 3); }
TEST(frames_fuzz_beside_a_pool_of_a_region) { fuzz(1030, 6000, 17, 515); }
TEST(frames_fuzz_beside_a_pool_of_all) { fuzz(2, 1000, 18, 2); }

// Until nothing is left, by pages of both classes: the last resort is the other class's partial block.
TEST(frames_until_full) {
  for (const uint64_t blocks : {1, 2, 5}) {
    Pair pair(blocks);
    test::Random random(15 + blocks);
    uint64_t taken = 0;
    while (pair.take_page(any_mobility(random))) ++taken;
    CHECK_EQ(taken, blocks * kBlockPages);
    CHECK(!pair.take_page(Mobility::kMovable));
    CHECK(!pair.take_page(Mobility::kUnmovable));
    CHECK(!pair.take_block(Mobility::kUnmovable));
    pair.check();
  }
}

// A 2M block is taken from a broken region before a whole one is touched; the cut-short last region is broken from the
// start.
TEST(frames_blocks_come_from_broken_regions) {
  Frames frames({(2 * kRegionBlocks + 3) * uint64_t{kBlockPages}}, {0});
  Pfn pfn;
  for (uint64_t i = 0; i < 3; ++i) {
    CHECK(frames.take_block(Mobility::kUnmovable, pfn));
    CHECK_EQ(pfn.block(), 2 * kRegionBlocks + i);
  }
  CHECK(frames.take_block(Mobility::kUnmovable, pfn));
  CHECK_EQ(pfn.block(), 0U);
  CHECK(!frames.region_free(0));
  CHECK(frames.region_free(1));
  CHECK(!frames.region_free(2));
  frames.take_exactly({kRegionBlocks * uint64_t{kBlockPages} + 77}, Mobility::kUnmovable);
  CHECK(!frames.region_free(1));
  CHECK(frames.take_block(Mobility::kMovable, pfn));
  CHECK_EQ(pfn.block(), 1U);
}

// A block is handed back whole although its frames were taken one by one and in part as the other class: what a merge
// leaves.
TEST(frames_block_assembled_from_pages) {
  Frames frames({2 * kBlockPages}, {0});
  Pfn pfn;
  CHECK(frames.take_page(Mobility::kMovable, pfn));
  Pfn filler;
  CHECK(frames.take_block(Mobility::kUnmovable, filler));
  for (uint32_t i = 1; i < kBlockPages; ++i) CHECK(frames.take_page(Mobility::kUnmovable, pfn));
  frames.give_page({0}, Mobility::kMovable);
  CHECK(frames.take_page(Mobility::kUnmovable, pfn));
  CHECK_EQ(pfn.value, 0U);
  frames.give_block({0}, Mobility::kUnmovable);
  CHECK_EQ(frames.count_free().value, uint64_t{kBlockPages});
  CHECK(frames.take_page(Mobility::kUnmovable, pfn));
  CHECK_EQ(frames.stranded().value, uint64_t{kBlockPages} - 1);
}

// The same where its last frame has only just been taken, by either class: that it is full is not yet known.
TEST(frames_block_assembled_from_pages_just_taken) {
  for (const Mobility mobility : {Mobility::kUnmovable, Mobility::kMovable}) {
    Frames frames({2 * kBlockPages}, {0});
    Pfn pfn;
    for (uint32_t i = 0; i < kBlockPages; ++i) CHECK(frames.take_page(mobility, pfn));
    CHECK_EQ(pfn.value, uint64_t{kBlockPages} - 1);
    frames.give_block({0}, mobility);
    CHECK_EQ(frames.count_free().value, 2 * uint64_t{kBlockPages});
    CHECK_EQ(frames.stranded().value, 0U);
    CHECK(frames.take_block(mobility, pfn));
    CHECK_EQ(pfn.value, 0U);
    CHECK(frames.take_page(mobility, pfn));
    CHECK_EQ(pfn.value, uint64_t{kBlockPages});
  }
}

}  // namespace
}  // namespace gmem
