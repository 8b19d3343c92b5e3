// The queue of ranges that wait to be merged, against a list that is searched.
#include "core/deferred_merges.h"

#include <algorithm>
#include <vector>

#include "test/test.h"

namespace gmem {
namespace {

TEST(deferred_merges_in_order) {
  DeferredMerges queue;
  DeferredMerges::Entry entry;
  CHECK(!queue.take_due(~uint64_t{0}, entry));
  queue.put(1, 5, 10);
  queue.put(2, 5, 10);
  queue.put(1, 6, 11);
  CHECK_EQ(queue.ops_until_due(7), 3U);
  CHECK(!queue.take_due(9, entry));
  queue.put(1, 5, 12);  // anew, at the end
  CHECK(queue.take_due(12, entry));
  CHECK(entry.file == 2 && entry.range == 5);
  queue.take_out(1, 6);
  queue.take_out(1, 7);  // never was there
  CHECK(queue.take_due(12, entry));
  CHECK(entry.file == 1 && entry.range == 5 && entry.due == 12);
  CHECK(!queue.take_due(12, entry));
  CHECK(queue.consistent() && queue.waiting().empty());
  // Taken out and not dealt with: it is the first again.
  queue.put(1, 8, 20);
  queue.put(1, 9, 20);
  CHECK(queue.take_due(20, entry));
  queue.put_back(entry);
  CHECK(queue.consistent());
  CHECK_EQ(queue.ops_until_due(20), 0U);
  CHECK(queue.take_due(20, entry));
  CHECK_EQ(entry.range, 8U);
}

TEST(deferred_merges_fuzz) {
  test::Random random(610);
  DeferredMerges queue;
  std::vector<DeferredMerges::Entry> model;
  const auto forget = [&](uint64_t file, uint64_t range) {
    std::erase_if(model, [&](const auto& e) { return e.file == file && e.range == range; });
  };
  uint64_t taken = 0;
  for (uint64_t now = 1; now < 20000 && !test::failed(); ++now) {
    const uint64_t file = random.below(3);
    const uint64_t range = random.below(40);
    if (random.one_in(3)) {
      queue.take_out(file, range);
      forget(file, range);
    } else {
      queue.put(file, range, now + 16);
      forget(file, range);
      model.push_back({file, range, now + 16});
    }
    DeferredMerges::Entry entry;
    while (queue.take_due(now, entry)) {
      ++taken;
      CHECK(!model.empty() && model.front().due <= now);
      if (test::failed()) break;
      CHECK(model.front().file == entry.file && model.front().range == entry.range && model.front().due == entry.due);
      model.erase(model.begin());
    }
    CHECK(model.empty() || model.front().due > now);
    CHECK_EQ(queue.ops_until_due(now) == uint64_t{1} << 62, model.empty());
    CHECK(queue.consistent());
  }
  CHECK(taken > 1000);
}

}  // namespace
}  // namespace gmem
