// Merges put off until a range has been quiet for a while (docs/semantics-tdx.md section 25).
#include "core/engine.h"

namespace gmem {

namespace {
// Ops a range must have been quiet for.
constexpr uint64_t kQuietOps = 1024;
}  // namespace

// A conversion ends: what `eager` would merge now waits; what turned shared does not wait any more. Told to end, ranges
// behind some block neither begin to wait nor stop waiting; one that waits in vain is tried in vain.
void Engine::defer_merges(const std::vector<ChangedBlocks>& changed, bool to_private) {
  const uint64_t blocks = huge_blocks();
  const uint64_t due = ops_run_ + 1 + kQuietOps;
  for (const auto& [file, first, end] : changed) {
    for (uint64_t range = first / blocks; range * blocks < end; ++range) {
      if ((range & (kBlocksBetweenLooks - 1)) == 0 && lane_.interrupted()) return;
      if (to_private) {
        deferred_.put(file->serial, range, due);
      } else {
        deferred_.take_out(file->serial, range);
      }
    }
  }
}

// So many more ops have run: what has been quiet long enough is merged if it can be. Of ops that ran side by side none
// but the last may be one after which something is due. Told to end, what is left stays due.
void Engine::merge_deferred(uint64_t ops) {
  ops_run_ += ops;
  if (deferred_.ops_until_due(ops_run_) == 0) settle();
  DeferredMerges::Entry entry;
  while (deferred_.take_due(ops_run_, entry)) {
    const auto file = files_.find(entry.file);
    if (file == files_.end() || !file->second->open) continue;
    const uint64_t first = entry.range * huge_blocks();
    merge_ranges({{file->second.get(), first, first + huge_blocks()}});
    if (!lane_.interrupted()) continue;
    // Maybe it was tried in part.
    deferred_.put_back(entry);
    merges_due_ = true;
    return;
  }
  merges_due_ = false;
}

}  // namespace gmem
