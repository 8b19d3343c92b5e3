// A log-linear histogram of whole numbers: exact below 64, then 32 buckets an octave, so that no value is told more
// than 1/32 too high. Adding is a shift and an increment; histograms of the same kind add up to the histogram of all.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace gmem {

class Histogram {
 public:
  static constexpr uint32_t kBucketBits = 5;
  static constexpr uint32_t kBuckets = (64 - kBucketBits + 1) << kBucketBits;

  void add(uint64_t value) {
    ++counts_[bucket_of(value)];
    ++count_;
    largest_ = std::max(largest_, value);
  }

  void merge(const Histogram& other) {
    for (uint32_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    largest_ = std::max(largest_, other.largest_);
  }

  uint64_t count() const { return count_; }
  uint64_t largest() const { return largest_; }

  // A value that at least `parts` of `whole` of the values do not exceed, and no more than 1/32 above the smallest
  // such; 0 of nothing. REQUIRES: 0 < parts <= whole.
  uint64_t quantile(uint64_t parts, uint64_t whole) const {
    const auto rank = static_cast<uint64_t>((static_cast<unsigned __int128>(count_) * parts + whole - 1) / whole);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen >= rank && seen > 0) return std::min(last_of(i), largest_);
    }
    return 0;
  }

  // The bucket of a value: its leading kBucketBits + 1 bits, and how many follow.
  static constexpr uint32_t bucket_of(uint64_t value) {
    const auto width = static_cast<uint32_t>(std::bit_width(value));
    const uint32_t dropped = width > kBucketBits + 1 ? width - (kBucketBits + 1) : 0;
    return (dropped << kBucketBits) + static_cast<uint32_t>(value >> dropped);
  }

  // The largest value of a bucket.
  static constexpr uint64_t last_of(uint32_t bucket) {
    if (bucket < (2U << kBucketBits)) return bucket;
    const uint32_t dropped = (bucket >> kBucketBits) - 1;
    const uint64_t leading = bucket - (uint64_t{dropped} << kBucketBits);
    return (leading << dropped) + ((uint64_t{1} << dropped) - 1);
  }

 private:
  std::array<uint64_t, kBuckets> counts_{};
  uint64_t count_ = 0;
  uint64_t largest_ = 0;
};

static_assert(Histogram::bucket_of(~uint64_t{0}) == Histogram::kBuckets - 1);

}  // namespace gmem
