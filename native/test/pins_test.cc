// Pins against lists: the oldest pinned frame of an index loses a pin first, orphans live until their last one.
#include "core/pins.h"

#include <list>
#include <map>
#include <string>
#include <vector>

#include "test/test.h"

namespace gmem {
namespace {

struct NaivePin {
  uint64_t pfn;
  uint64_t times;
};

TEST(pins_fuzz) {
  test::Random random(50);
  Pins pins;
  std::map<std::pair<uint64_t, uint64_t>, std::list<NaivePin>> by_index;
  std::map<uint64_t, uint64_t> totals;
  std::map<uint64_t, bool> orphans;  // pfn -> poisoned
  for (int step = 0; step < 50000 && !test::failed(); ++step) {
    const uint64_t file = 1 + random.below(3);
    const uint64_t index = random.below(6);
    auto& list = by_index[{file, index}];
    const uint64_t choice = random.below(9);
    if (choice < 4) {
      const uint64_t pfn = random.below(8);
      if (orphans.contains(pfn)) continue;
      pins.pin(file, {index}, {pfn});
      bool known = false;
      for (NaivePin& pin : list) {
        if (pin.pfn != pfn) continue;
        ++pin.times;
        known = true;
      }
      if (!known) list.push_back({pfn, 1});
      ++totals[pfn];
    } else if (choice < 8) {
      Pfn pfn{0};
      bool released = true;
      PinnedFrame frame;
      CHECK_EQ(pins.unpin(file, {index}, pfn, released, frame), !list.empty());
      if (list.empty()) continue;
      const uint64_t wanted = list.front().pfn;
      CHECK_EQ(pfn.value, wanted);
      if (--list.front().times == 0) list.pop_front();
      const bool last = --totals[wanted] == 0;
      CHECK_EQ(released, last && orphans.contains(wanted));
      if (released) {
        CHECK_EQ(frame.poisoned, orphans[wanted]);
        CHECK(frame.mobility == Mobility::kMovable);
      }
      if (last) {
        orphans.erase(wanted);
        totals.erase(wanted);
      }
    } else {
      const uint64_t pfn = random.below(8);
      if (!totals.contains(pfn) || orphans.contains(pfn)) continue;
      const bool poisoned = random.one_in(2);
      pins.orphan({pfn}, Mobility::kMovable, poisoned);
      orphans[pfn] = poisoned;
    }
    CHECK_EQ(pins.orphans(), orphans.size());
    CHECK_EQ(pins.frames().size(), totals.size());
    for (const auto& [pfn, total] : totals) {
      CHECK(pins.pinned({pfn}));
      CHECK_EQ(pins.frames().at({pfn}).total, total);
    }
    for (uint64_t f = 1; f < 5; ++f) {
      bool any = false;
      for (const auto& [key, held] : by_index) any |= key.first == f && !held.empty();
      CHECK_EQ(pins.file_has_pins(f), any);
    }
  }
}

TEST(speculative_references_fuzz) {
  test::Random random(51);
  Pins pins;
  std::map<std::pair<uint64_t, uint64_t>, uint32_t> naive;
  for (int step = 0; step < 50000 && !test::failed(); ++step) {
    const uint64_t file = 1 + random.below(3);
    const uint64_t first = random.below(20);
    const uint64_t end = first + random.below(8);
    const Run<Index> run{{first}, {end}};
    const auto lower = naive.lower_bound({file, first});
    const bool any = lower != naive.end() && lower->first < std::pair{file, end};
    CHECK_EQ(pins.any_referenced(file, run), any);
    switch (random.below(6)) {
      case 0:
      case 1:
      case 2: {
        const auto tries = static_cast<uint32_t>(random.one_in(10) ? 0xffffffffU : random.below(4));
        pins.reference(file, {first}, tries);
        if (tries == 0) break;
        uint32_t& left = naive[{file, first}];
        left = std::max(left, tries);
        break;
      }
      case 3:
        pins.attempt(file, run);
        for (uint64_t i = first; i < end; ++i) {
          const auto it = naive.find({file, i});
          if (it != naive.end() && --it->second == 0) naive.erase(it);
        }
        break;
      case 4:
        CHECK_EQ(pins.dereference(file, {first}), naive.erase({file, first}) != 0);
        break;
      default:
        if (!random.one_in(10)) break;
        pins.forget_references(file, run);
        for (uint64_t i = first; i < end; ++i) naive.erase({file, i});
        break;
    }
    CHECK_EQ(pins.referenced(file, {first}), naive.contains({file, first}));
    CHECK_EQ(pins.any(), !naive.empty());
  }
}

}  // namespace
}  // namespace gmem
