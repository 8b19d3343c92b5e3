#include "core/virtual_array.h"

#include <algorithm>
#include <cstdint>

namespace gmem {

namespace {
constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;
// Fewer pages at once cost more calls than they save memory.
constexpr size_t kLeastStep = 4 * kPage;
// In use from here on, an array takes huge pages: what they waste is then at most half, and never more than one huge
// page.
constexpr size_t kHugeFrom = size_t{4} << 20;

#ifdef MADV_POPULATE_WRITE
constexpr int kPopulateWrite = MADV_POPULATE_WRITE;
#else
constexpr int kPopulateWrite = 23;
#endif
}  // namespace

size_t run_ahead(void* base, size_t size, size_t ahead, size_t wanted) {
  const size_t step = std::clamp(ahead / 8, kLeastStep, kHugePage) & ~(kPage - 1);
  if (wanted - ahead > step) return ahead;
  const bool huge = ahead >= kHugeFrom;
  // Whole huge pages of the machine, wherever the mapping begins.
  const size_t unit = huge ? kHugePage : step;
  const size_t skew = huge ? reinterpret_cast<uintptr_t>(base) % kHugePage : 0;
  size_t end = ((wanted + skew) / unit + 1) * unit - skew;
  end = std::min(end, (size + kPage - 1) & ~(kPage - 1));
  const size_t begin = ahead & ~(kPage - 1);
  if (begin >= end) return size;
  char* const from = static_cast<char*>(base) + begin;
  // Refused by kernels before 5.14, and where there are no huge pages: the page faults then do it.
  if (huge) madvise(from, end - begin, MADV_HUGEPAGE);
  madvise(from, end - begin, kPopulateWrite);
  return end;
}

}  // namespace gmem
