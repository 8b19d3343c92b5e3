#include "core/lane_shares.h"

namespace gmem {

LaneShares::LaneShares(uint32_t lanes)
    : lanes_(lanes),
      lane_of_(lanes),
      lists_(std::make_unique_for_overwrite<Place[]>(kMostOps * lanes)),
      lengths_(std::make_unique_for_overwrite<uint16_t[]>(kBlocks * lanes)),
      gathered_(std::make_unique_for_overwrite<Place[]>(kMostOps + uint64_t{kPadding} * lanes)) {}

uint32_t LaneShares::gather(uint32_t lane, const Place*& first) {
  const uint64_t blocks = (end() + kBlockOps - 1) / kBlockOps;
  uint64_t before = uint64_t{kPadding} * lane;
  for (uint32_t other = 0; other < lane; ++other) {
    for (uint64_t block = 0; block < blocks; ++block) before += length(block, other);
  }
  Place* const begin = gathered_.get() + before;
  Place* behind = begin;
  for (uint64_t block = 0; block < blocks; ++block)
    behind = std::copy_n(list(block, lane), length(block, lane), behind);
  first = begin;
  if (behind != begin) std::fill_n(behind, kPadding, behind[-1]);
  return static_cast<uint32_t>(behind - begin);
}

}  // namespace gmem
