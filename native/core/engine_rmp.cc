// RMPUPDATE and PSMASH as the kernel issues them: every attempt that fails is counted, one that failed for the moment
// is made again, at most kRmpAttempts times where there is somebody to be told (docs/semantics.md section 26).
//
// Stored: nothing. Always: an update that was given up has changed no entry; the paths of engine_fault_fresh.cc, which
// take an RMPUPDATE for one that goes through, are off while the RMP is busy. It is so only where one lane runs.
#include "core/engine.h"

namespace gmem {

using spec::Counter;

namespace {
// The switch's own bound is what bounds it.
constexpr uint32_t kNoBound = ~uint32_t{0};
}  // namespace

void Engine::set_fresh_paths(bool on) {
  fresh_pages_ =
      on && !tdx_ && knobs_.source == spec::Source::kBuddy && knobs_.preparedness != spec::Preparedness::kStateEarly;
  fresh_blocks_ = fresh_pages_ && !in_place_ && !knobs_.by_attributes;
}

// The last attempt that others hindered brings the fast paths back.
void Engine::attempt_failed(Lane& lane, Counter counter) {
  lane.count(counter);
  if (lane.locks == nullptr && !rmp_.busy()) set_fresh_paths(true);
}

// An update of an entry of `order` whose first attempt answered `code`, until it is through, or given up after `most`
// attempts in all. An overlap that the table itself shows will not pass.
template <class Attempt>
bool Engine::update_again(Lane& lane, RmpCode code, Pfn pfn, uint32_t order, uint32_t most, Attempt attempt) {
  for (uint32_t attempts = 1;; ++attempts) {
    attempt_failed(lane, Counter::kRmpupdateFailed);
    if (code != RmpCode::kFailOverlap || rmp_.overlaps(pfn, order) || attempts >= most) return false;
    code = attempt();
    if (code == RmpCode::kOk) return true;
  }
}

[[gnu::noinline]] bool Engine::assign_4k_again(Lane& lane, RmpCode code, Pfn pfn, Gfn gfn, uint16_t asid) {
  const auto attempt = [&] { return rmp_.make_private_4k(pfn, gfn, asid); };
  return update_again(lane, code, pfn, kOrder4k, spec::kRmpAttempts, attempt);
}

[[gnu::noinline]] bool Engine::assign_2m_again(Lane& lane, RmpCode code, Pfn first, Gfn gfn, uint16_t asid) {
  const auto attempt = [&] { return rmp_.make_private_2m(first, gfn, asid); };
  return update_again(lane, code, first, kOrder2m, spec::kRmpAttempts, attempt);
}

// For pages in use, whose entries were given up for this one: they must not be left without.
void Engine::reassign_2m(Lane& lane, Pfn first, Gfn gfn, uint16_t asid) {
  const auto attempt = [&] { return rmp_.make_private_2m(first, gfn, asid); };
  const RmpCode code = attempt();
  if (code == RmpCode::kOk || update_again(lane, code, first, kOrder2m, kNoBound, attempt)) {
    lane.count(Counter::kRmpupdate2m);
  }
}

// A page that is freed while it is assigned would be lost to the host, so nobody gives up.
[[gnu::noinline]] bool Engine::share_again(Lane& lane, RmpCode code, Pfn pfn, bool huge) {
  const auto attempt = [&] { return huge ? rmp_.make_shared_2m(pfn) : rmp_.make_shared_4k(pfn); };
  return update_again(lane, code, pfn, huge ? kOrder2m : kOrder4k, kNoBound, attempt);
}

// Breaks the 2M RMP entry that holds `pfn`. Who frees pages cannot do without; a guest whose fault gave up has it again
// with the same instruction. REQUIRES: there is one.
void Engine::smash(Pfn pfn) {
  const Pfn first = Pfn::of_block(pfn.block());
  RmpCode code = rmp_.psmash(first);
  for (; code == RmpCode::kFailInUse; code = rmp_.psmash(first)) attempt_failed(lane_, Counter::kPsmashFailed);
  count(code == RmpCode::kOk ? Counter::kPsmash : Counter::kPsmashFailed);
}

}  // namespace gmem
