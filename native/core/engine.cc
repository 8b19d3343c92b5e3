#include "core/engine.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <stdexcept>

#include "core/lookahead.h"
#include "core/outcome.h"
#include "core/run_one.h"

namespace gmem {

namespace {
Pages whole_blocks(uint64_t bytes) {
  const uint64_t blocks = bytes / kBlockBytes;
  return {(blocks == 0 ? 1 : blocks) * kBlockPages};
}

uint32_t order_of(spec::Hugepages hugepages) {
  switch (hugepages) {
    case spec::Hugepages::k1G:
      return kOrder1g;
    case spec::Hugepages::k2M:
      return kOrder2m;
    default:
      return kOrder4k;
  }
}
}  // namespace

// 15/16 of the complete huge pages of host memory, where the policy has a pool.
uint64_t Engine::pool_pages(const EngineOptions& options) {
  if (options.knobs.source != spec::Source::kPool) return 0;
  return (whole_blocks(options.memory_bytes).value >> order_of(options.knobs.hugepages)) * 15 / 16;
}

namespace {
// Nothing is made before this holds: a pool of 4K pages would have no number of huge ones.
const spec::Knobs& supported(const EngineOptions& options) {
  // A pfn is 32 bits wide in what the map and the RMP keep, and its largest value says that there is none.
  if (whole_blocks(options.memory_bytes).value > spec::kNoPfn)
    throw std::invalid_argument("host memory of 16 TiB or more");
  const char* reason = spec::unsupported_reason(options.knobs, options.arch);
  if (reason != nullptr) throw std::invalid_argument(reason);
  return options.knobs;
}
}  // namespace

Engine::Engine(const EngineOptions& options)
    : knobs_(supported(options)),
      arch_(options.arch),
      snp_(options.arch == spec::Arch::kSnp),
      tdx_(options.arch == spec::Arch::kTdx),
      initially_private_(snp_ || tdx_),
      in_place_(options.knobs.conversion == spec::Conversion::kInPlace),
      natural_(options.knobs.shared_order == spec::SharedOrder::kNatural),
      one_table_(natural_ && (options.arch == spec::Arch::kNone || options.arch == spec::Arch::kPkvm)),
      prepares_every_fault_(snp_ && options.knobs.preparedness == spec::Preparedness::kNone),
      single_conversions_(in_place_ && !natural_ && options.arch != spec::Arch::kTdx &&
                          options.knobs.preparedness != spec::Preparedness::kStateEarly),
      huge_order_(order_of(options.knobs.hugepages)),
      lock_order_(huge_order_ == kOrder4k ? kOrder2m : std::max(huge_order_, kOrder2m + 3)),
      merges_later_(options.knobs.merge == spec::Merge::kDeferred && huge_order_ != kOrder4k),
      between_ops_(merges_later_ || options.knobs.metadata != spec::Metadata::kStructPage),
      seed_(options.seed),
      simd_(*options.simd),
      hugepages_now_(options.knobs.hugepages),
      host_total_(whole_blocks(options.memory_bytes)),
      pool_(pool_pages(options), huge_order_),
      frames_(host_total_, pool_.frames()),
      arena_(host_total_, options.contents, options.resident_limit_bytes, simd_),
      rmp_(snp_ ? host_total_ : Pages{0}),
      // A page and its copy may each need a line, and one more is open while an op works.
      page_lines_(std::min(BlockWord::kMostLocations, 2 * host_total_.value + kBlockPages)),
      vms_(spec::kLimitVm + 1),
      files_by_id_(spec::kLimitGmem + 1, nullptr) {
  set_fresh_paths(true);
  // To grow takes longer than a split may.
  if (knobs_.metadata == spec::Metadata::kHvo) vmemmap_.reserve(pool_.size());
}

void Engine::run(const spec::OpRecord* ops, uint64_t count_of_ops, spec::OutcomeRecord* outcomes) {
  run_for(ops, count_of_ops, outcomes, kNoEnd);
}

// The same as a call, for who runs ops one by one.
void Engine::run_on(Lane& lane, const spec::OpRecord& op, Outcome& out, bool kept) {
  run_one<false>(lane, op, out, kept);
}

// Ops [first, end) of `count`.
template <bool kKept>
inline void Engine::run_some(const spec::OpRecord* ops, uint64_t first, uint64_t end, uint64_t count,
                             spec::OutcomeRecord* outcomes, Lookahead& ahead) {
  Outcome scratch{};
  for (uint64_t i = first; i < end; ++i) {
    if (count - i > Lookahead::kDistance) [[likely]] {
      const spec::OpRecord* coming = ops + i + Lookahead::kDistance;
      ahead.look(i, coming[0], coming[-1]);
    }
    const bool ends = ends_objects(ops[i]);
    run_one<false>(lane_, ops[i], kKept ? outcomes[i] : scratch, kKept);
    if (ends) [[unlikely]]
      ahead.forget();
    op_ended();
  }
}

// The same until it has taken so long, as far as a look at the clock now and then says. Returns ops run.
uint64_t Engine::run_for(const spec::OpRecord* ops, uint64_t count_of_ops, spec::OutcomeRecord* outcomes,
                         std::chrono::nanoseconds most) {
  using Clock = std::chrono::steady_clock;
  constexpr uint64_t kOpsBetweenLooks = 128;
  const bool kept = outcomes != nullptr;
  // Nothing to look ahead to: a single op, the most common call there is, does not wait for the making of what looks.
  if (count_of_ops <= Lookahead::kDistance) {
    Outcome scratch{};
    for (uint64_t i = 0; i < count_of_ops; ++i) {
      run_on(lane_, ops[i], kept ? outcomes[i] : scratch, kept);
      op_ended();
    }
    return count_of_ops;
  }
  const Clock::time_point begin = most == kNoEnd ? Clock::time_point{} : Clock::now();
  Lookahead ahead(vms_, lane_);
  for (uint64_t i = 0; i < count_of_ops;) {
    const uint64_t end = most == kNoEnd ? count_of_ops : std::min(count_of_ops, i + kOpsBetweenLooks);
    if (kept) {
      run_some<true>(ops, i, end, count_of_ops, outcomes, ahead);
    } else {
      run_some<false>(ops, i, end, count_of_ops, outcomes, ahead);
    }
    i = end;
    if (end < count_of_ops && Clock::now() - begin >= most) return end;
  }
  return count_of_ops;
}

Engine::Errno Engine::dispatch(Lane& lane, const spec::OpRecord& op, Outcome& out) {
  using spec::OpKind;
  switch (static_cast<OpKind>(op.kind)) {
    case OpKind::kTouch:
      return op_touch(lane, op, out);
    case OpKind::kFault:
      return lane.locks == nullptr ? fault_alone(lane, op, out) : fault_beside(lane, op, out);
    case OpKind::kConvert:
      return op_convert(op, out);
    case OpKind::kPunch:
      return op_punch(op, out);
    case OpKind::kFallocate:
      return op_fallocate(op, out);
    case OpKind::kCreate:
      return op_create(op);
    case OpKind::kBind:
      return op_bind(op);
    case OpKind::kPopulate:
      return op_populate(op, out);
    case OpKind::kValidate:
      return op_validate(op, out);
    case OpKind::kFinalize:
      return op_finalize(op.vm);
    case OpKind::kAttributes:
      return op_attributes(op);
    case OpKind::kGuestWrite:
      return op_guest_access(lane, op, true, out);
    case OpKind::kGuestRead:
      return op_guest_access(lane, op, false, out);
    case OpKind::kHostWrite:
      return op_host_access(op, true, out);
    case OpKind::kHostRead:
      return op_host_access(op, false, out);
    case OpKind::kVmmWrite:
      return op_vmm_access(op, true, out);
    case OpKind::kVmmRead:
      return op_vmm_access(op, false, out);
    case OpKind::kPin:
      return op_pin(op, out);
    case OpKind::kUnpin:
      return op_unpin(op, out);
    case OpKind::kPoison:
      return op_poison(op);
    case OpKind::kSplit:
      return op_split(op, out);
    case OpKind::kMerge:
      return op_merge(op, out);
    case OpKind::kSet:
      return op_set(op);
    case OpKind::kPressure:
      return op_pressure(op);
    case OpKind::kClose:
      return op_close(op.gmem);
    case OpKind::kDestroy:
      return op_destroy(op.vm);
  }
  return spec::kEINVAL;
}

Vm& Engine::vm_record(uint32_t number) {
  std::unique_ptr<Vm>& vm = vms_[number];
  if (!vm) {
    vm = std::make_unique<Vm>(number);
    vm->runs = !tdx_;
  }
  return *vm;
}

File* Engine::open_file(uint32_t gmem) const { return gmem < files_by_id_.size() ? files_by_id_[gmem] : nullptr; }

namespace {
// An integer from 0 to `most`; a record may hold anything.
bool in_range(double value, uint32_t most) { return value >= 0 && value <= most && value == std::trunc(value); }
}  // namespace

// Sections 11 and 26. `size` of the record is the key `after`.
Engine::Errno Engine::op_set(const spec::OpRecord& op) {
  if (op.arg >= spec::kSwitches) return spec::kEINVAL;
  const bool busy = static_cast<spec::Switch>(op.arg) == spec::Switch::kRmpBusy;
  if (busy && !snp_) return spec::kEOPNOTSUPP;
  if (!in_range(op.extra, spec::kSwitchMost[op.arg]) || !in_range(op.size, busy ? spec::kLimitAttempts : 0)) {
    return spec::kEINVAL;
  }
  if (busy) {
    rmp_.hold(static_cast<uint32_t>(op.extra), static_cast<uint32_t>(op.size));
    set_fresh_paths(!rmp_.busy());
    return spec::kOk;
  }
  const auto asked = static_cast<spec::Hugepages>(static_cast<uint8_t>(op.extra));
  hugepages_now_ = std::min(asked, knobs_.hugepages);
  return spec::kOk;
}

void Engine::counters(double* into) const {
  for (size_t i = 0; i < spec::kCounters; ++i) into[i] = static_cast<double>(lane_.counters[i]);
  const auto put = [&](spec::Counter counter, uint64_t now) {
    into[static_cast<size_t>(counter)] = static_cast<double>(now);
  };
  put(spec::Counter::kHostPagesEnd, lane_.host_pages);
  put(spec::Counter::kStrandedPagesEnd, frames_.stranded().value);
  put(spec::Counter::kRetainedPagesEnd, retained_pages_);
  put(spec::Counter::kMetadataBytesModelledEnd, metadata_modelled());
  if (knobs_.metadata == spec::Metadata::kStructPage) {
    put(spec::Counter::kMetadataBytesModelledPeak, 64 * value(spec::Counter::kHostPagesPeak));
  }
  count_host_leaves(into);
}

void Engine::errors(double* into) const {
  for (size_t i = 0; i < kErrnos; ++i) into[i] = static_cast<double>(lane_.errors[i]);
}

int64_t Engine::file_size_bytes(uint32_t gmem) const {
  const File* file = open_file(gmem);
  return file == nullptr ? -1 : static_cast<int64_t>(file->size.bytes());
}

uint64_t Engine::metadata_bytes() const { return page_lines_.metadata_bytes() + rmp_.metadata_bytes(); }

}  // namespace gmem
