// VirtualArray, LineNumbers, and the conversion of quantities: what everything else stands on.
#include "core/virtual_array.h"

#include <cmath>
#include <limits>
#include <new>
#include <set>
#include <string>

#include "core/line_store.h"
#include "core/quantity.h"
#include "test/test.h"

namespace gmem {
namespace {

TEST(virtual_array_is_zero_and_sparse) {
  // 4 TiB of address space, three pages of it used.
  VirtualArray<uint64_t> array(uint64_t{1} << 39);
  for (const uint64_t i : {uint64_t{0}, uint64_t{1} << 30, (uint64_t{1} << 39) - 1}) {
    CHECK_EQ(array[i], 0U);
    array[i] = i + 1;
    CHECK_EQ(array[i], i + 1);
  }
  CHECK_EQ(array.capacity(), uint64_t{1} << 39);
}

TEST(virtual_array_moves) {
  VirtualArray<uint32_t> a(10);
  a[3] = 7;
  VirtualArray<uint32_t> b(std::move(a));
  CHECK_EQ(b[3], 7U);
  VirtualArray<uint32_t> c;
  CHECK_EQ(c.capacity(), 0U);
  c = std::move(b);
  CHECK_EQ(c[3], 7U);
  CHECK_EQ(c.capacity(), 10U);
}

TEST(virtual_array_of_nothing) {
  const VirtualArray<uint32_t> array(0);
  CHECK_EQ(array.capacity(), 0U);
  CHECK(array.data() == nullptr);
}

TEST(virtual_array_refuses_what_no_address_space_holds) {
  for (const size_t capacity : {SIZE_MAX, SIZE_MAX / 8, size_t{1} << 56}) {
    bool refused = false;
    try {
      const VirtualArray<uint64_t> array(capacity);
    } catch (const std::bad_alloc&) {
      refused = true;
    }
    CHECK(refused);
  }
}

TEST(line_numbers_fuzz) {
  test::Random random(4);
  LineNumbers numbers;
  std::set<uint32_t> taken;
  for (int step = 0; step < 20000; ++step) {
    if (taken.empty() || random.below(5) < 3) {
      const uint32_t line = numbers.take();
      CHECK(taken.insert(line).second);
      CHECK(line < numbers.high_water());
    } else {
      auto it = taken.begin();
      std::advance(it, static_cast<ptrdiff_t>(random.below(std::min<uint64_t>(taken.size(), 50))));
      numbers.give(*it);
      taken.erase(it);
    }
    CHECK_EQ(numbers.in_use(), taken.size());
  }
}

TEST(quantity_of_any_double) {
  constexpr double kLimit = 9007199254740992.0;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const struct {
    double value;
    int64_t wanted;
  } cases[] = {
      {0, 0},
      {-0.0, 0},
      {4096, 4096},
      {-4096, -4096},
      {4096.75, 4096},
      {kLimit - 1, (int64_t{1} << 53) - 1},
      {kLimit, int64_t{1} << 53},
      {-kLimit, -(int64_t{1} << 53)},
      {1e300, int64_t{1} << 53},
      {-1e300, -(int64_t{1} << 53)},
      {kInfinity, int64_t{1} << 53},
      {-kInfinity, -(int64_t{1} << 53)},
      {std::nan(""), -1},
      {-std::nan(""), -1},
  };
  for (const auto& [value, wanted] : cases) CHECK_EQ(quantity(value), wanted);
}

}  // namespace
}  // namespace gmem
