#include "core/lane.h"

#include <utility>

namespace gmem {

void Lane::absorb(Lane& other) {
  using spec::Counter;
  for (const Counter of_a_part : {Counter::kHostPagesPeak, Counter::kSharedCopyPagesPeak, Counter::kRetainedPagesPeak,
                                  Counter::kMetadataBytesModelledPeak}) {
    other.counters[static_cast<size_t>(of_a_part)] = 0;
  }
  for (size_t i = 0; i < spec::kCounters; ++i) counters[i] += std::exchange(other.counters[i], 0);
  for (size_t i = 0; i < kErrnos; ++i) errors[i] += std::exchange(other.errors[i], 0);
  host_pages += std::exchange(other.host_pages, 0);
  copy_pages += std::exchange(other.copy_pages, 0);
  unsplit_huge += std::exchange(other.unsplit_huge, 0);
  split_huge += std::exchange(other.split_huge, 0);
  written_pages += std::exchange(other.written_pages, 0);
  peak(Counter::kHostPagesPeak, host_pages);
  peak(Counter::kSharedCopyPagesPeak, copy_pages);
  for (size_t i = 0; i < kLockKinds; ++i) lock_figures[i].add(std::exchange(other.lock_figures[i], {}));
}

}  // namespace gmem
