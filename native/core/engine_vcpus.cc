// Ops on vCPU threads: epochs of vCPU ops side by side, everything else alone and in order (docs/threads.md).
#include <algorithm>
#include <chrono>
#include <utility>

#include "core/engine.h"
#include "core/fault_locks.h"
#include "core/lane_shares.h"
#include "core/lookahead.h"
#include "core/quantity.h"
#include "core/run_one.h"

namespace gmem {

namespace {
using spec::OpKind;

// An epoch shorter than this is run by one thread: to bring the others in costs more than they would save.
constexpr uint64_t kLeastBeside = 256;
// An epoch that may allocate is not cut below this; it then runs without allocation.
constexpr uint64_t kLeastAllocating = 1024;
// An epoch ends here: progress is told, and the frames it may need are looked at, between epochs.
constexpr uint64_t kMostBeside = LaneShares::kMostOps;
// Ops alone between two looks at the outside.
constexpr uint64_t kAloneAtOnce = 1024;
// Shorter ones are looked through: there is something scarce that ends them.
constexpr uint64_t kLeastOpen = 4096;
constexpr uint64_t kUnlimited = ~uint64_t{0};

constexpr uint64_t bit_of(OpKind kind) { return uint64_t{1} << static_cast<uint32_t>(kind); }
static_assert(spec::kOpKinds <= 64);

bool of_a_vcpu(const spec::OpRecord& op) {
  constexpr uint64_t kKinds =
      bit_of(OpKind::kTouch) | bit_of(OpKind::kFault) | bit_of(OpKind::kGuestRead) | bit_of(OpKind::kGuestWrite);
  return op.kind < spec::kOpKinds && (kKinds >> op.kind & 1) != 0;
}

// Pages an op of a vCPU may reach.
uint64_t pages_of(const spec::OpRecord& op) {
  if (static_cast<OpKind>(op.kind) == OpKind::kFault) return 1;
  const int64_t address = quantity(op.address);
  const int64_t size = quantity(op.size);
  if (size <= 0) return 0;
  return static_cast<uint64_t>(((address + size - 1) >> kPageShift) - (address >> kPageShift) + 1);
}

// An op that reaches two pages at the most.
constexpr uint64_t kMostOfSmall = 2;
bool small(const spec::OpRecord& op) { return of_a_vcpu(op) && op.size <= static_cast<double>(kPageBytes); }

// Blocks of 2M that many pages in a row may reach.
uint64_t blocks_of(uint64_t pages) { return pages <= 1 ? pages : (pages - 2) / kBlockPages + 2; }
}  // namespace

struct Engine::Epoch {
  const spec::OpRecord* ops;
  Outcome* outcomes;  // of the same numbers, or nullptr
  uint64_t first;
  uint64_t end;
  bool open = false;  // it ends at the first op that is not small, which the lanes look for
  bool may_allocate = true;
  bool may_write = true;
  bool worth_it = false;
};

// Where memory is plentiful nobody has to look ahead: an epoch of so many small ops cannot need more than there is. It
// then ends where the lanes find that it does. Not worth it: somebody has to look after all (survey).
Engine::Epoch Engine::glance(const spec::OpRecord* ops, uint64_t first, uint64_t count, Outcome* outcomes) const {
  Epoch epoch{ops, outcomes, first, first, true};
  const Supply have = supply();
  const uint64_t room = arena_.enabled() ? arena_.room_pages() : kUnlimited;
  const uint64_t most = std::min(
      {count - first, kMostBeside, deferred_.ops_until_due(ops_run_), have.budget / kMostOfSmall, room / kMostOfSmall});
  if (!have.any || most < std::min(count - first, kLeastOpen)) return epoch;
  const LaneByVcpu lane_of(static_cast<uint32_t>(vcpus_->lanes.size()));
  const uint32_t lane_of_first = lane_of(ops[first]);
  bool several = false;
  for (uint64_t at = first; at < first + kLeastBeside; ++at) {
    if (at >= first + most || !small(ops[at])) return epoch;
    several = several || lane_of(ops[at]) != lane_of_first;
  }
  epoch.end = first + most;
  epoch.worth_it = several && !rmp_.busy();
  return epoch;
}

// What an epoch may take: units are blocks where a fault may take a whole one, else pages.
Engine::Supply Engine::supply() const {
  Supply supply;
  supply.by_blocks =
      hugepages_now_ != spec::Hugepages::kOff || (!in_place_ && knobs_.shared_order == spec::SharedOrder::kThp);
  const uint64_t slack = vcpus_->lanes.size() * FrameReserve::most_blocks(reserve_at_once());
  const uint64_t blocks = supply.by_blocks ? frames_.free_blocks(kMostOfSmall * kMostBeside + slack)
                                           : (frames_.total() - frames_.used()).value >> kBlockShift;
  supply.blocks = blocks > slack ? blocks - slack : 0;
  supply.budget = supply.by_blocks ? supply.blocks : supply.blocks << kBlockShift;
  if (knobs_.source == spec::Source::kPool) {
    // Reserved by the file that will want it.
    supply.any = pool_.free() >= pool_.reserved();
    supply.budget = kUnlimited;
  }
  return supply;
}

// Looks ahead from op `first`, which is of a vCPU: how far the epoch goes, and whether its allocations and writes are
// certain not to be refused whatever the order. Where they are not, who is refused would depend on who comes first:
// whatever needs a frame, or a new page of contents, then waits to be alone.
Engine::Epoch Engine::survey(const spec::OpRecord* ops, uint64_t first, uint64_t count, Outcome* outcomes) const {
  const Supply have = supply();
  uint64_t budget = have.budget;

  Epoch epoch{ops, outcomes, first, first};
  bool looked_at_files = false;
  epoch.may_allocate = have.any;
  const uint64_t room = arena_.enabled() ? arena_.room_pages() : kUnlimited;
  const LaneByVcpu lane_of(static_cast<uint32_t>(vcpus_->lanes.size()));
  // A merge that was put off comes after its op, and so between epochs.
  const uint64_t most = std::min(count, first + std::min(kMostBeside, deferred_.ops_until_due(ops_run_)));
  uint64_t needed = 0;
  uint64_t written = 0;
  bool several = false;  // lanes with an op
  const uint32_t lane_of_first = lane_of(ops[first]);
  uint64_t at = first;
  for (; at < most && of_a_vcpu(ops[at]); ++at) {
    uint64_t pages = 1;
    if (static_cast<OpKind>(ops[at].kind) == OpKind::kFault) {
      ++needed;
    } else {
      pages = pages_of(ops[at]);
      needed += have.by_blocks ? blocks_of(pages) : pages;
    }
    if (epoch.may_allocate && needed > budget) [[unlikely]] {
      // Ops may reach a page often; it is added once.
      if (!looked_at_files && absent_pages() >> kBlockShift < have.blocks) {
        budget = kUnlimited;
      } else if (at - first >= kLeastAllocating) {
        break;
      } else {
        epoch.may_allocate = false;
      }
      looked_at_files = true;
    }
    if (static_cast<OpKind>(ops[at].kind) == OpKind::kGuestWrite) written += pages;
    if (!several) several = lane_of(ops[at]) != lane_of_first;
  }
  epoch.end = at;
  epoch.may_write = written <= room;
  // Whom another processor holds up would depend on who comes first.
  epoch.worth_it = at - first >= kLeastBeside && several && !rmp_.busy();
  return epoch;
}

// The most pages that faults can still add to the files there are, copies included. Orphans and poison out of use are
// in no file.
uint64_t Engine::absent_pages() const {
  uint64_t pages = 0;
  for (const auto& [serial, file] : files_) pages += file->size.value * (in_place_ || file->mmap ? 1 : 2);
  const uint64_t present = lane_.host_pages - std::min(lane_.host_pages, pins_.orphans() + poisoned_out_);
  return pages - std::min(pages, present);
}

// Whole blocks a lane takes at once: fewer where memory is small, so that a small host runs side by side too.
uint32_t Engine::reserve_at_once() const {
  return part_of_lane(host_total_.value >> kBlockShift, FrameReserve::kMostAtOnce);
}

uint32_t Engine::part_of_lane(uint64_t all, uint32_t most) const {
  return static_cast<uint32_t>(std::clamp<uint64_t>(all / (64 * vcpus_->lanes.size()), 1, most));
}

// The ops of one lane, in order. Returns the first that did not run; `ran` grows by those that did.
template <bool kKept>
uint64_t Engine::run_share(Lane& lane, const Epoch& epoch, uint64_t& ran) {
  // Between looks at who waits, and at whoever wants the run to end.
  constexpr uint32_t kOpsBetweenLooks = 8;
  static_assert(LaneShares::kPadding >= Lookahead::kDistance);
  const LaneShares::Place* places;
  const uint32_t count = vcpus_->shares.gather(lane.number, places);
  const spec::OpRecord* const ops = epoch.ops + epoch.first;
  Outcome* const outcomes = kKept ? epoch.outcomes + epoch.first : nullptr;
  Outcome scratch{};
  Lookahead ahead(vms_, lane);
  ComingOps coming_ops(epoch.ops + epoch.end, lane.number, static_cast<uint32_t>(vcpus_->lanes.size()));
  const auto stopped_at = [&](uint32_t k) {
    ran = k;
    return epoch.first + places[k];
  };
  for (uint32_t k = 0; k < count;) {
    lane.let_others_in();
    if (lane.interrupted()) return stopped_at(k);
    coming_ops.ask();
    for (const uint32_t look = std::min(count, k + kOpsBetweenLooks); k < look; ++k) {
      const LaneShares::Place* const coming = places + k + Lookahead::kDistance;
      ahead.look(k, ops[coming[0]], ops[coming[-1]]);
      run_one<true>(lane, ops[places[k]], kKept ? outcomes[places[k]] : scratch, kKept);
      if (lane.stop != Lane::Stop::kNo) [[unlikely]]
        return stopped_at(k);
    }
  }
  ran = count;
  return epoch.end;
}

// No lane runs any more: what they counted is the engine's.
void Engine::gather() {
  page_lines_.share(false);
  rmp_.share(false);
  for (auto& lane : vcpus_->lanes) {
    lane->tell_reserved();
    pool_.taken(std::exchange(lane->reserved_total, 0));
    arena_.became_resident(std::exchange(lane->written_pages, 0));
    lane_.absorb(*lane);
  }
}

// Runs the lanes over the epoch, whose end is known then, and then, alone and in order, what a lane stalled at and what
// it had left. Returns ops run.
uint64_t Engine::run_beside(Epoch& epoch) {
  struct alignas(kNoSharingBytes) Result {
    uint64_t stopped_at = 0;
    uint64_t ran = 0;
  };
  Vcpus& vcpus = *vcpus_;
  std::vector<Result> results(vcpus.lanes.size());
  vcpus.shares.begin(epoch.ops + epoch.first, epoch.end - epoch.first);
  auto look = [&vcpus, open = epoch.open](uint32_t member) {
    if (open) {
      vcpus.shares.look(member, [](const spec::OpRecord& op) { return small(op); });
    } else {
      vcpus.shares.look(member, [](const spec::OpRecord&) { return true; });
    }
  };
  vcpus.team.run(look);
  epoch.end = epoch.first + vcpus.shares.end();

  for (auto& lane : vcpus.lanes) {
    lane->stop = Lane::Stop::kNo;
    lane->may_allocate = epoch.may_allocate;
    lane->may_write = epoch.may_write;
    lane->abort = lane_.abort;
  }
  vcpus.reserves_out = true;
  page_lines_.share(true);
  rmp_.share(true);
  auto work = [&](uint32_t member) {
    Lane& lane = *vcpus.lanes[member];
    const ReleasedBlock released{lane};
    // A copy: what is here lies on the stack that member 0 writes to at every call.
    const Epoch mine = epoch;
    Result& result = results[member];
    result.stopped_at =
        mine.outcomes != nullptr ? run_share<true>(lane, mine, result.ran) : run_share<false>(lane, mine, result.ran);
  };
  try {
    vcpus.team.run(work);
  } catch (...) {
    gather();
    throw;
  }
  gather();

  uint64_t ran = 0;
  uint64_t rest = epoch.end;
  for (const Result& result : results) {
    ran += result.ran;
    rest = std::min(rest, result.stopped_at);
  }
  if (knobs_.metadata != spec::Metadata::kStructPage) note_metadata();
  ++figures_.epochs;
  figures_.ops_beside += ran;
  if (rest == epoch.end || lane_.interrupted()) return ran;

  ++figures_.stalls;
  settle();
  const LaneByVcpu lane_of(static_cast<uint32_t>(vcpus.lanes.size()));
  const bool kept = epoch.outcomes != nullptr;
  Outcome scratch{};
  for (uint64_t i = rest; i < epoch.end; ++i) {
    if (i < results[lane_of(epoch.ops[i])].stopped_at) continue;
    if (lane_.interrupted()) break;
    run_on(lane_, epoch.ops[i], kept ? epoch.outcomes[i] : scratch, kept);
    if (lane_.stop != Lane::Stop::kNo) break;
    if (knobs_.metadata != spec::Metadata::kStructPage) note_metadata();
    ++figures_.ops_alone;
    ++ran;
  }
  return ran;
}

// Ops one after another, up to `end`. Returns the first that did not run.
uint64_t Engine::run_alone(const spec::OpRecord* ops, uint64_t first, uint64_t end, Outcome* outcomes) {
  settle();
  const bool kept = outcomes != nullptr;
  Outcome scratch{};
  Lookahead ahead(vms_, lane_);
  uint64_t i = first;
  for (; i < end && !lane_.interrupted(); ++i) {
    if (end - i > Lookahead::kDistance) [[likely]] {
      const spec::OpRecord* coming = ops + i + Lookahead::kDistance;
      ahead.look(i, coming[0], coming[-1]);
    }
    const ExclusiveGuard exclusive(vcpus_ ? exclusive_lock(ops[i]) : nullptr, lane_.figures(LockKind::kScheme));
    const bool ends = ends_objects(ops[i]);
    run_on(lane_, ops[i], kept ? outcomes[i] : scratch, kept);
    if (ends) [[unlikely]]
      ahead.forget();
    if (lane_.stop != Lane::Stop::kNo) break;
    op_ended();
  }
  figures_.ops_alone += i - first;
  return i;
}

// What the design's lock scheme takes exclusively around an op: for punch, populate and convert that of the file, of a
// conversion that of its first page. Nobody is inside: it tells what the scheme costs.
ShardedLock* Engine::exclusive_lock(const spec::OpRecord& op) {
  const File* file = nullptr;
  switch (static_cast<OpKind>(op.kind)) {
    case OpKind::kPunch:
      file = open_file(op.gmem);
      break;
    case OpKind::kPopulate:
    case OpKind::kConvert:
      if (const Vm* vm = live_vm(op.vm); vm != nullptr) {
        const Slot* slot = lane_.slot_at(*vm, Gfn{static_cast<uint64_t>(quantity(op.address) >> kPageShift)});
        if (slot != nullptr) file = slot->file;
      }
      break;
    default:
      break;
  }
  return file == nullptr ? nullptr : file->scheme_lock;
}

// Nothing is in the hands of a lane any more: what runs next finds the frames as if one thread had run.
void Engine::settle() {
  if (!vcpus_ || !vcpus_->reserves_out) return;
  for (auto& lane : vcpus_->lanes) lane->reserve.give_back(frames_, pool_);
  vcpus_->reserves_out = false;
}

// As many threads as asked for, and everything that they would otherwise make while they run.
void Engine::muster(uint32_t threads) {
  if (vcpus_ && vcpus_->lanes.size() == threads) return;
  vcpus_.reset();
  vcpus_ = std::make_unique<Vcpus>(threads);
  const uint32_t huge_pages = part_of_lane(pool_.size(), FrameReserve::kMostHugePagesAtOnce);
  for (auto& lane : vcpus_->lanes) lane->reserve.take_at_once(reserve_at_once(), huge_pages);
  for (auto& [serial, file] : files_) file->scheme_lock = nullptr;
  for (uint32_t vm = 0; vm < vms_.size(); ++vm) vm_record(vm).mmu_lock.reset();
  try {
    for (auto& [serial, file] : files_) make_scheme_lock(*file);
  } catch (...) {
    vcpus_.reset();
    throw;
  }
}

// Before so many ops: makes what faults all over the files will write first resident, where that is done by huge pages.
// A table a thread, one after another. Not where the ops are few beside what they could write.
void Engine::expect_faults(uint64_t count_of_ops) {
  if (count_of_ops < blocks_by_huge_pages_ / 8 || count_of_ops == 0) return;
  std::vector<PageMap*> maps;
  for (auto& [serial, file] : files_) {
    if (file->by_huge_pages && !file->pages.all_expected()) maps.push_back(&file->pages);
  }
  const bool rmp = snp_ && !rmp_.blocks_expected(blocks_by_huge_pages_);
  const size_t tables = maps.size() + (rmp ? 1 : 0);
  auto work = [&](uint32_t member) {
    for (size_t table = member; table < tables; table += vcpus_->team.size()) {
      if (table < maps.size()) {
        maps[table]->expect_all();
      } else {
        rmp_.expect_blocks(blocks_by_huge_pages_);
      }
    }
  };
  if (tables > 1) {
    vcpus_->team.run(work);
  } else {
    for (uint32_t member = 0; member < tables; ++member) work(member);
  }
}

uint64_t Engine::run_on_vcpus(const spec::OpRecord* ops, uint64_t count_of_ops, Outcome* outcomes, uint32_t threads,
                              RunControl& control) {
  const auto begin = std::chrono::steady_clock::now();
  if (threads > 1) {
    muster(threads);
    expect_faults(count_of_ops);
  }
  // Also where an op throws: what runs next is alone, and nobody ends it any more.
  struct Ended {
    Engine& engine;
    ~Ended() {
      engine.lane_.abort = nullptr;
      engine.lane_.stop = Lane::Stop::kNo;
      engine.settle();
    }
  } const ended{*this};
  lane_.abort = &control.abort;
  lane_.stop = Lane::Stop::kNo;
  uint64_t ran = 0;
  // What an earlier run was told to leave: an epoch ends where merges are due.
  if (merges_due_) merge_deferred(0);
  for (uint64_t at = 0; at < count_of_ops && lane_.stop == Lane::Stop::kNo;) {
    uint64_t end = std::min(count_of_ops, at + kAloneAtOnce);
    bool beside = false;
    if (threads > 1) {
      if (of_a_vcpu(ops[at])) {
        Epoch epoch = glance(ops, at, count_of_ops, outcomes);
        if (!epoch.worth_it) epoch = survey(ops, at, count_of_ops, outcomes);
        beside = epoch.worth_it;
        if (beside) {
          const uint64_t done = run_beside(epoch);
          if (merges_later_) merge_deferred(done);
          ran += done;
        }
        end = epoch.end;
      } else {
        uint64_t next = at + 1;
        while (next < end && !of_a_vcpu(ops[next])) ++next;
        end = next;
      }
    }
    if (!beside) ran += run_alone(ops, at, end, outcomes) - at;
    at = end;
    control.done.store(ran, std::memory_order_relaxed);
  }
  figures_.wall_ns += static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin).count());
  return ran;
}

VcpuFigures Engine::vcpu_figures() const {
  VcpuFigures figures = figures_;
  for (size_t i = 0; i < kLockKinds; ++i) figures.locks[i] = lane_.lock_figures[i];
  LockFigures& lines = figures.locks[static_cast<size_t>(LockKind::kLines)];
  lines.add(page_lines_.lock_figures());
  lines.add(rmp_.lock_figures());
  return figures;
}

// Finds, and makes where there is none, what the design's lock scheme takes around a fault in the file.
void Engine::make_scheme_lock(File& file) {
  const auto lanes = static_cast<uint32_t>(vcpus_->lanes.size());
  switch (knobs_.lock) {
    case spec::Lock::kFolio:
    case spec::Lock::kMainline:
      file.scheme_lock = nullptr;
      return;
    case spec::Lock::kMmuRead: {
      std::unique_ptr<ShardedLock>& mmu_lock = vm_record(file.vm).mmu_lock;
      if (!mmu_lock) mmu_lock = std::make_unique<ShardedLock>(lanes);
      file.scheme_lock = mmu_lock.get();
      return;
    }
    default:
      file.own_lock = std::make_unique<ShardedLock>(lanes);
      file.scheme_lock = file.own_lock.get();
  }
}

}  // namespace gmem
