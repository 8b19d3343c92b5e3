#include "core/histogram.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "test/test.h"

namespace gmem {
namespace {

using test::Random;

// Of all sizes, small ones and powers of two among them.
uint64_t any_value(Random& random) {
  const uint64_t value = random.next() >> random.below(64);
  return random.one_in(8) ? std::bit_floor(value) - random.below(2) : value;
}

// The smallest value that `parts` of `whole` do not exceed.
uint64_t naive(std::vector<uint64_t> values, uint64_t parts, uint64_t whole) {
  std::sort(values.begin(), values.end());
  const uint64_t rank = (values.size() * parts + whole - 1) / whole;
  return values[rank - 1];
}

TEST(histogram_buckets_follow_each_other_without_a_gap) {
  uint64_t next = 0;
  for (uint32_t bucket = 0; bucket < Histogram::kBuckets && !test::failed(); ++bucket) {
    const uint64_t last = Histogram::last_of(bucket);
    CHECK_EQ(Histogram::bucket_of(next), bucket);
    CHECK_EQ(Histogram::bucket_of(last), bucket);
    // A bucket is no wider than a 32nd of what is in it.
    CHECK(last - next <= next / 32);
    next = last + 1;
  }
  CHECK_EQ(next, 0U);  // past the largest of all
}

TEST(histogram_quantiles_are_those_of_the_sorted_values_rounded_up_a_little) {
  Random random(0x415);
  for (int round = 0; round < 60 && !test::failed(); ++round) {
    const auto histogram = std::make_unique<Histogram>();
    std::vector<uint64_t> values(1 + random.below(2000));
    for (uint64_t& value : values) {
      value = any_value(random);
      histogram->add(value);
    }
    CHECK_EQ(histogram->count(), values.size());
    CHECK_EQ(histogram->largest(), *std::max_element(values.begin(), values.end()));
    CHECK_EQ(histogram->quantile(1, 1), histogram->largest());
    for (const uint64_t permille : {1U, 500U, 900U, 990U, 999U, 1000U}) {
      const uint64_t exact = naive(values, permille, 1000);
      const uint64_t told = histogram->quantile(permille, 1000);
      CHECK(told >= exact);
      CHECK(told - exact <= exact / 32);
    }
  }
}

TEST(histogram_of_parts_merged_is_that_of_all) {
  Random random(0x416);
  const auto whole = std::make_unique<Histogram>();
  const auto merged = std::make_unique<Histogram>();
  for (int part = 0; part < 5; ++part) {
    const auto one = std::make_unique<Histogram>();
    for (uint64_t i = random.below(500); i > 0; --i) {
      const uint64_t value = any_value(random);
      one->add(value);
      whole->add(value);
    }
    merged->merge(*one);
  }
  CHECK_EQ(merged->count(), whole->count());
  CHECK_EQ(merged->largest(), whole->largest());
  for (uint64_t permille = 1; permille <= 1000; ++permille) {
    CHECK_EQ(merged->quantile(permille, 1000), whole->quantile(permille, 1000));
  }
  merged->merge(Histogram());
  CHECK_EQ(merged->quantile(1, 2), whole->quantile(1, 2));
}

TEST(histogram_of_nothing) {
  const Histogram none;
  CHECK_EQ(none.count(), 0U);
  CHECK_EQ(none.largest(), 0U);
  CHECK_EQ(none.quantile(1, 2), 0U);
}

}  // namespace
}  // namespace gmem
