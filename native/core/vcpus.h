// Runs of ops on vCPU threads: what a caller hands in and gets back (docs/threads.md).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/lane.h"
#include "core/lane_shares.h"
#include "core/team.h"

namespace gmem {

using spec::kMostVcpuThreads;

// Seen from both sides of a run that another thread is in. Every lane reads `abort` at every op: nothing that anybody
// writes to may share its line, also where this lies on a stack.
struct RunControl {
  alignas(kNoSharingBytes) std::atomic<bool> abort{false};  // set by whoever wants the run to end
  alignas(kNoSharingBytes) std::atomic<uint64_t> done{0};   // ops that ran, now and then
};

// What runs did: figures of this machine, added up over the engine's life.
struct VcpuFigures {
  uint64_t epochs = 0;      // pieces of the stream that lanes ran side by side
  uint64_t ops_beside = 0;  // ops run in them by the lanes
  uint64_t ops_alone = 0;   // ops run one after another
  uint64_t stalls = 0;      // epochs in which a lane found what must be alone
  uint64_t wall_ns = 0;     // in runs
  LockFigures locks[kLockKinds];
};

// The threads of an engine and the lanes they run on.
struct Vcpus {
  explicit Vcpus(uint32_t threads) : shares(threads), team(threads) {
    for (uint32_t i = 0; i < threads; ++i) {
      lanes.push_back(std::make_unique<Lane>());
      lanes.back()->locks = &locks;
      lanes.back()->number = i;
    }
  }

  LaneLocks locks;
  std::vector<std::unique_ptr<Lane>> lanes;
  LaneShares shares;
  bool reserves_out = false;  // lanes hold frames
  Team team;
};

}  // namespace gmem
