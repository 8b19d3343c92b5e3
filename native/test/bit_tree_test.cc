// BitTree against std::set, at the capacities where a level begins or ends.
#include "core/bit_tree.h"

#include <set>
#include <string>

#include "test/test.h"

namespace gmem {
namespace {

uint64_t next_naive(const std::set<uint64_t>& members, uint64_t from) {
  const auto it = members.lower_bound(from);
  return it == members.end() ? BitTree::kNone : *it;
}

void check_same(const BitTree& tree, const std::set<uint64_t>& members, uint64_t capacity) {
  CHECK_EQ(tree.first(), next_naive(members, 0));
  for (uint64_t i = 0; i < capacity; ++i) CHECK_EQ(tree.test(i), members.contains(i));
  for (uint64_t from = 0; from <= capacity; ++from) CHECK_EQ(tree.next(from), next_naive(members, from));
}

constexpr uint64_t kCapacities[] = {1, 2, 63, 64, 65, 127, 128, 4095, 4096, 4097, 262144, 262145};

TEST(bit_tree_one_member_at_every_edge) {
  for (const uint64_t capacity : kCapacities) {
    BitTree tree(capacity);
    CHECK_EQ(tree.first(), BitTree::kNone);
    CHECK_EQ(tree.next(0), BitTree::kNone);
    for (const uint64_t i :
         {uint64_t{0}, capacity / 2, capacity - 1, uint64_t{63}, uint64_t{64}, uint64_t{4095}, uint64_t{4096}}) {
      if (i >= capacity) continue;
      tree.set(i);
      tree.set(i);
      CHECK_EQ(tree.first(), i);
      CHECK_EQ(tree.next(i), i);
      CHECK_EQ(tree.next(i + 1), BitTree::kNone);
      CHECK_EQ(tree.next(capacity + 1000), BitTree::kNone);
      CHECK_EQ(tree.word(i / 64), uint64_t{1} << (i % 64));
      tree.clear(i);
      tree.clear(i);
      CHECK_EQ(tree.first(), BitTree::kNone);
    }
  }
}

TEST(bit_tree_without_capacity) {
  const BitTree tree(0);
  CHECK_EQ(tree.first(), BitTree::kNone);
  CHECK_EQ(tree.next(0), BitTree::kNone);
}

TEST(bit_tree_fuzz) {
  test::Random random(3);
  for (const uint64_t capacity : kCapacities) {
    BitTree tree(capacity);
    std::set<uint64_t> members;
    // Phases that fill and phases that empty: words become zero on every level.
    for (int phase = 0; phase < 6 && !test::failed(); ++phase) {
      const bool filling = phase % 2 == 0;
      for (int step = 0; step < 1500; ++step) {
        const uint64_t i = random.one_in(3) && capacity > 64 ? capacity - 1 - random.below(64) : random.below(capacity);
        if (filling != random.one_in(8)) {
          tree.set(i);
          members.insert(i);
        } else {
          tree.clear(i);
          members.erase(i);
        }
        CHECK_EQ(tree.first(), next_naive(members, 0));
        const uint64_t from = random.below(capacity + 2);
        CHECK_EQ(tree.next(from), next_naive(members, from));
      }
      if (capacity <= 4097) check_same(tree, members, capacity);
      if (filling) continue;
      for (const uint64_t i : members) tree.clear(i);
      members.clear();
      CHECK_EQ(tree.first(), BitTree::kNone);
    }
  }
}

}  // namespace
}  // namespace gmem
