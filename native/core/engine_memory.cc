// Host memory: pressure, frames held and given back (docs/semantics.md section 3).
#include <numeric>
#include <utility>
#include <vector>

#include "core/engine.h"
#include "core/prng.h"
#include "core/quantity.h"

namespace gmem {

void Engine::hold(uint64_t pages) {
  host_pages_ += pages;
  peak(spec::Counter::kHostPagesPeak, host_pages_);
}

// A page lost its owner: pinned, it becomes an orphan; poisoned, it is never used again; else it is free.
void Engine::release_frame(Pfn pfn, Mobility mobility, bool poisoned) {
  if (pins_.pinned(pfn)) {
    pins_.orphan(pfn, mobility, poisoned);
    return;
  }
  arena_.drop_page(pfn);
  if (poisoned) {
    ++poisoned_out_;
    return;
  }
  frames_.give_page(pfn, mobility);
  --host_pages_;
}

void Engine::release_block(Pfn first, Mobility mobility) {
  if (pins_.any()) {
    for (uint32_t i = 0; i < kBlockPages; ++i) release_frame(first + Pages{i}, mobility, false);
    return;
  }
  arena_.drop_block(first);
  frames_.give_block(first, mobility);
  host_pages_ -= kBlockPages;
}

Engine::Errno Engine::op_pressure(const spec::OpRecord& op) {
  const int64_t keep = quantity(op.size);
  const int64_t seed = quantity(op.extra);
  if ((op.arg != kOrder2m && op.arg != kOrder1g) || keep < 0 || seed < 0) return spec::kEINVAL;
  const uint32_t run_pages = 1U << op.arg;
  std::vector<uint64_t> runs;
  if (op.arg == kOrder2m) {
    for (uint64_t block = frames_.next_free_block(0); block != BitTree::kNone; block = frames_.next_free_block(block + 1)) {
      runs.push_back(block);
    }
  } else {
    for (uint64_t region = 0; region < frames_.regions(); ++region) {
      if (frames_.region_free(region)) runs.push_back(region);
    }
  }
  Xoshiro128StarStar prng(static_cast<uint32_t>(seed) ^ seed_);
  for (uint64_t i = runs.size(); i-- > 1;) std::swap(runs[i], runs[prng.next() % (i + 1)]);
  for (uint64_t i = static_cast<uint64_t>(keep); i < runs.size(); ++i) {
    frames_.take_exactly(Pfn{(runs[i] << op.arg) + prng.next() % run_pages}, Mobility::kUnmovable);
    ++pressure_pages_;
  }
  return spec::kOk;
}

}  // namespace gmem
