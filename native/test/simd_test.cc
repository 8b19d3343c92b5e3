// Every path the CPU has gives what the portable one gives, and the portable one what a bit by bit loop gives.
#include "core/simd.h"

#include <cstring>
#include <vector>

#include "core/virtual_array.h"
#include "test/test.h"

namespace gmem {
namespace {

using test::Random;

std::vector<const SimdKernels*> paths() {
  std::vector<const SimdKernels*> there;
  for (uint32_t path = 0; path < spec::kSimdPaths; ++path) {
    const SimdKernels* kernels = simd_kernels(static_cast<Simd>(path));
    if (kernels != nullptr) there.push_back(kernels);
  }
  return there;
}

uint64_t naive_count(const Bitmap512& line) {
  uint64_t bits = 0;
  for (uint32_t i = 0; i < kBlockPages; ++i) bits += line.test(i) ? 1 : 0;
  return bits;
}

Bitmap512 random_line(Random& random) {
  Bitmap512 line;
  const uint64_t sort = random.below(6);
  for (uint64_t& word : line.words) {
    word = random.next();
    if (sort == 0) word = 0;
    if (sort == 1) word = ~uint64_t{0};
    if (sort == 2) word &= random.next() & random.next() & random.next();
    if (sort == 3) word |= random.next() | random.next() | random.next();
  }
  return line;
}

void check_lines_equal(const Bitmap512* a, const Bitmap512* b, uint64_t n) {
  CHECK_EQ(std::memcmp(a, b, n * sizeof(Bitmap512)), 0);
}

TEST(simd_portable_is_always_there_and_the_best_is_the_widest) {
  CHECK(simd_kernels(Simd::kPortable) != nullptr);
  const std::vector<const SimdKernels*> there = paths();
  CHECK(&best_simd() == there.back());
  for (const SimdKernels* kernels : there) CHECK(simd_kernels(kernels->path) == kernels);
}

// Every run of bits a line can hold: 131 328 of them, and their complements.
TEST(simd_count_of_every_run_of_bits) {
  VirtualArray<Bitmap512> lines(2 * (kBlockPages + 1));
  for (const SimdKernels* kernels : paths()) {
    uint64_t wrong = 0;
    for (uint32_t first = 0; first <= kBlockPages; ++first) {
      const uint32_t runs = kBlockPages - first + 1;
      uint64_t total = 0;
      for (uint32_t size = 0; size < runs; ++size) {
        const Bitmap512 run = Bitmap512::range(first, first + size);
        Bitmap512 all;
        all.fill(true);
        lines[2 * size] = run;
        lines[2 * size + 1] = and_not(all, run);
        wrong += kernels->count(&lines[2 * size], 1) != size;
        wrong += kernels->count(&lines[2 * size + 1], 1) != kBlockPages - size;
        wrong += kernels->first_other(&lines[2 * size], 1, 0) != (size == 0 ? 1 : 0);
        wrong += kernels->first_other(&lines[2 * size + 1], 1, ~uint64_t{0}) != (size == 0 ? 1 : 0);
        total += kBlockPages;
      }
      wrong += kernels->count(&lines[0], uint64_t{2} * runs) != total;
    }
    CHECK_EQ(wrong, uint64_t{0});
  }
}

// All pairs of single bits under the three operations, every number of lines up to two batches of every path.
TEST(simd_operations_on_all_pairs_of_bits) {
  VirtualArray<Bitmap512> left(kBlockPages);
  VirtualArray<Bitmap512> right(kBlockPages);
  for (const SimdKernels* kernels : paths()) {
    uint64_t wrong = 0;
    for (uint32_t bit = 0; bit < kBlockPages; ++bit) {
      for (uint32_t i = 0; i < kBlockPages; ++i) {
        left[i] = Bitmap512::range(bit, bit + 1);
        right[i] = Bitmap512::range(i, i + 1);
      }
      kernels->keep(left.data(), right.data(), kBlockPages);
      wrong += kernels->count(left.data(), kBlockPages) != 1;
      wrong += kernels->first_other(left.data(), kBlockPages, 0) != bit;
      kernels->add(left.data(), right.data(), kBlockPages);
      wrong += std::memcmp(left.data(), right.data(), kBlockPages * sizeof(Bitmap512)) != 0;
      kernels->remove(left.data(), right.data(), kBlockPages);
      wrong += kernels->first_other(left.data(), kBlockPages, 0) != kBlockPages;
    }
    CHECK_EQ(wrong, uint64_t{0});
  }
}

TEST(simd_paths_are_equal_on_random_lines) {
  constexpr uint64_t kMost = 67;
  VirtualArray<Bitmap512> lines(kMost);
  VirtualArray<Bitmap512> with(kMost);
  VirtualArray<Bitmap512> result(kMost);
  Random random(0x51);
  for (int round = 0; round < 400 && !test::failed(); ++round) {
    const uint64_t n = random.below(kMost + 1);
    uint64_t bits = 0;
    for (uint64_t i = 0; i < n; ++i) {
      lines[i] = random_line(random);
      with[i] = random_line(random);
      bits += naive_count(lines[i]);
    }
    std::vector<uint32_t> numbers(random.below(100));
    uint64_t listed = 0;
    for (uint32_t& number : numbers) number = n == 0 ? 0 : static_cast<uint32_t>(random.below(n));
    if (n == 0) numbers.clear();
    for (const uint32_t number : numbers) listed += naive_count(lines[number]);
    const uint64_t other = random.one_in(2) ? 0 : ~uint64_t{0};
    const uint64_t leading = random.below(n + 1);
    for (uint64_t i = 0; i < leading; ++i) result[i].fill(other != 0);
    for (uint64_t i = leading; i < n; ++i) result[i] = lines[i];
    uint64_t differing = leading;
    while (differing < n && (other == 0 ? lines[differing].none() : lines[differing].all())) ++differing;
    for (const SimdKernels* kernels : paths()) {
      CHECK_EQ(kernels->count(lines.data(), n), bits);
      CHECK_EQ(kernels->count_listed(lines.data(), numbers.data(), numbers.size()), listed);
      CHECK_EQ(kernels->first_other(result.data(), n, other), differing);
    }
    VirtualArray<Bitmap512> expected(kMost);
    using Operation = void (*)(Bitmap512*, const Bitmap512*, uint64_t);
    const auto check = [&](Operation SimdKernels::*operation, auto naive) {
      for (uint64_t i = 0; i < n; ++i) {
        for (uint32_t bit = 0; bit < kBlockPages; ++bit) {
          expected[i].clear(bit);
          if (naive(lines[i].test(bit), with[i].test(bit))) expected[i].set(bit);
        }
      }
      for (const SimdKernels* kernels : paths()) {
        for (uint64_t i = 0; i < kMost; ++i) result[i] = lines[i];
        (kernels->*operation)(result.data(), with.data(), n);
        check_lines_equal(result.data(), expected.data(), n);
        check_lines_equal(result.data() + n, lines.data() + n, kMost - n);
      }
    };
    check(&SimdKernels::keep, [](bool a, bool b) { return a && b; });
    check(&SimdKernels::remove, [](bool a, bool b) { return a && !b; });
    check(&SimdKernels::add, [](bool a, bool b) { return a || b; });
  }
}

TEST(simd_paths_are_equal_on_random_words) {
  Random random(0x52);
  for (int round = 0; round < 2000 && !test::failed(); ++round) {
    const uint64_t n = random.below(300);
    const auto mask = static_cast<uint32_t>(random.next() & random.next() & random.next());
    const WordPattern pattern{mask, static_cast<uint32_t>(random.next()) & mask};
    const auto shift = static_cast<uint32_t>(random.below(32));
    std::vector<uint32_t> words(n);
    std::vector<uint32_t> selected;
    for (uint32_t& word : words) {
      word = static_cast<uint32_t>(random.next());
      if (random.one_in(2)) word = (word & ~mask) | pattern.value;
      if (pattern.matches(word)) selected.push_back(word >> shift);
    }
    for (const SimdKernels* kernels : paths()) {
      CHECK_EQ(kernels->count_words(words.data(), n, pattern), selected.size());
      std::vector<uint32_t> into(n + 15);
      CHECK_EQ(kernels->select(words.data(), n, pattern, shift, into.data()), selected.size());
      into.resize(selected.size());
      CHECK(into == selected);
    }
  }
}

TEST(simd_clear_zeroes_what_it_was_given_and_nothing_else) {
  constexpr uint64_t kBytes = 64 * 1024;
  constexpr uint64_t kStep = 256;
  struct alignas(256) Memory {
    uint8_t bytes[kBytes];
  };
  VirtualArray<Memory> memory(1);
  uint8_t* bytes = memory[0].bytes;
  Random random(0x53);
  for (const SimdKernels* kernels : paths()) {
    for (int round = 0; round < 64; ++round) {
      std::memset(bytes, 0xa5, kBytes);
      const uint64_t first = random.below(kBytes / kStep + 1) * kStep;
      const uint64_t size = random.below((kBytes - first) / kStep + 1) * kStep;
      kernels->clear(bytes + first, size);
      uint64_t wrong = 0;
      for (uint64_t i = 0; i < kBytes; ++i) wrong += bytes[i] != (i >= first && i - first < size ? 0 : 0xa5);
      CHECK_EQ(wrong, uint64_t{0});
    }
  }
}

}  // namespace
}  // namespace gmem
