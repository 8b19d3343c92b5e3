// Which ops of an epoch are whose, against a plain walk over them.
#include "core/lane_shares.h"

#include <algorithm>
#include <vector>

#include "core/team.h"
#include "test/test.h"

namespace gmem {
namespace {

using spec::OpRecord;

constexpr uint8_t kGoesOn = 1;
constexpr uint8_t kEnds = 2;

std::vector<OpRecord> ops_of(test::Random& random, uint64_t count, uint32_t vcpus) {
  std::vector<OpRecord> ops(count);
  for (OpRecord& op : ops) {
    op.kind = kGoesOn;
    op.vcpu = static_cast<uint16_t>(random.below(vcpus));
  }
  return ops;
}

// Shares the ops out among threads of a team and holds every lane's places against the walk.
void check(const std::vector<OpRecord>& ops, uint32_t lanes, Team& team, LaneShares& shares) {
  shares.begin(ops.data(), ops.size());
  auto look = [&](uint32_t member) { shares.look(member, [](const OpRecord& op) { return op.kind == kGoesOn; }); };
  team.run(look);

  const auto end = std::find_if(ops.begin(), ops.end(), [](const OpRecord& op) { return op.kind == kEnds; });
  CHECK_EQ(shares.end(), static_cast<uint64_t>(end - ops.begin()));
  std::vector<std::vector<LaneShares::Place>> wanted(lanes);
  for (auto op = ops.begin(); op != end; ++op)
    wanted[op->vcpu % lanes].push_back(static_cast<LaneShares::Place>(op - ops.begin()));

  // All gather at once, as lanes do; nobody's places lie where those of another are.
  std::vector<const LaneShares::Place*> firsts(lanes);
  std::vector<uint32_t> counts(lanes);
  auto gather = [&](uint32_t member) { counts[member] = shares.gather(member, firsts[member]); };
  team.run(gather);
  for (uint32_t lane = 0; lane < lanes; ++lane) {
    CHECK_EQ(counts[lane], wanted[lane].size());
    CHECK(std::equal(wanted[lane].begin(), wanted[lane].end(), firsts[lane]));
    if (counts[lane] == 0) continue;
    const LaneShares::Place* const behind = firsts[lane] + counts[lane];
    CHECK_EQ(std::count(behind, behind + LaneShares::kPadding, wanted[lane].back()), LaneShares::kPadding);
  }
}

TEST(lane_shares_hold_every_op_of_a_lane_in_order) {
  test::Random random(11);
  for (const uint32_t lanes : {1U, 2U, 3U, 5U, 8U, 64U}) {
    Team team(lanes);
    LaneShares shares(lanes);
    for (const uint64_t count : {uint64_t{1}, uint64_t{7}, uint64_t{1023}, uint64_t{1024}, uint64_t{1025},
                                 LaneShares::kMostOps - 1234, LaneShares::kMostOps}) {
      // Fewer vCPUs than lanes too: some lanes then have nothing.
      for (const uint32_t vcpus : {1U, lanes, 65536U}) check(ops_of(random, count, vcpus), lanes, team, shares);
    }
  }
}

// Whoever comes to an op that ends the epoch first, the epoch ends at the first of them.
TEST(lane_shares_end_at_the_first_op_that_ends_the_epoch) {
  test::Random random(12);
  for (const uint32_t lanes : {2U, 3U, 7U}) {
    Team team(lanes);
    LaneShares shares(lanes);
    for (int round = 0; round < 200; ++round) {
      const uint64_t count = 1 + random.below(LaneShares::kMostOps);
      std::vector<OpRecord> ops = ops_of(random, count, 16);
      const uint64_t ends = 1 + random.below(4);
      for (uint64_t i = 0; i < ends; ++i)
        ops[random.below(random.below(2) == 0 ? count : std::min<uint64_t>(count, 3000))].kind = kEnds;
      check(ops, lanes, team, shares);
    }
    for (const uint64_t at :
         {uint64_t{0}, uint64_t{1}, uint64_t{1023}, uint64_t{1024}, uint64_t{2048}, uint64_t{9999}}) {
      std::vector<OpRecord> ops = ops_of(random, 10000, 16);
      ops[at].kind = kEnds;
      check(ops, lanes, team, shares);
    }
  }
}

}  // namespace
}  // namespace gmem
