#include "core/virtual_array.h"

#include <sys/mman.h>

#include <algorithm>

namespace gmem {

namespace {

constexpr size_t kMachinePage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kCacheLine = 64;
// At the beginning of an array, and behind what is in use: fewer at once cost more in calls than they save in memory.
constexpr size_t kFewGranules = 4;
constexpr size_t kSomeGranules = 16;
constexpr size_t kMostGranules = kHugePage / ArrayMapping::kGranuleBytes;
// Behind as much as this in use an array takes huge pages: what they waste is then at most half, and never more than
// one huge page.
constexpr size_t kHugeFrom = (size_t{4} << 20) / ArrayMapping::kGranuleBytes;
// Where the first element lies: bits of a hash of the mapping's address, as cache lines. Within a page where huge pages
// are to be filled, and where an array is small.
constexpr uint32_t kPlaceBits = 12;
constexpr uint32_t kPlaceBitsInPage = 6;
constexpr size_t kSmallBytes = size_t{256} << 10;

#ifdef MADV_POPULATE_WRITE
constexpr int kPopulateWrite = MADV_POPULATE_WRITE;
#else
constexpr int kPopulateWrite = 23;
#endif

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

uintptr_t round_down(uintptr_t bytes, size_t unit) { return bytes / unit * unit; }

size_t place_of(uintptr_t address, uint32_t bits) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;
  return (address / kMachinePage * kGolden >> (64 - bits)) * kCacheLine;
}

void advise(uintptr_t begin, uintptr_t end, int advice) {
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

}  // namespace

ArrayMapping ArrayMapping::make(size_t bytes, size_t alignment, Growth growth) {
  ArrayMapping made;
  made.bytes = bytes;
  made.by_huge_pages = growth == Growth::kByHugePages && bytes >= kLeastByHugePages;
  const bool pages = alignment >= kMachinePage;
  // Pages lie where huge ones can take their place.
  const size_t unit = pages || made.by_huge_pages ? kHugePage : std::max(alignment, kCacheLine);
  const uint32_t place_bits = made.by_huge_pages || bytes < kSmallBytes ? kPlaceBitsInPage : kPlaceBits;
  const size_t most_place = pages ? 0 : kCacheLine << place_bits;
  // The table, the way to the first aligned element, and whole pages of the kind that is used.
  const size_t before = made.granules() + unit + most_place;
  const size_t room = before + round_up(bytes, made.by_huge_pages ? kHugePage : kMachinePage);
  if (before < made.granules() || room < bytes || room < before) throw std::bad_alloc();
  made.mapped_bytes = room;
  void* const mapped = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  made.mapped = static_cast<char*>(mapped);
  made.resident = reinterpret_cast<uint8_t*>(made.mapped);
  const auto from = reinterpret_cast<uintptr_t>(mapped);
  const uintptr_t aligned = round_up(from + made.granules(), unit);
  made.elements = made.mapped + (aligned - from) + (pages ? 0 : round_down(place_of(from, place_bits), alignment));
  // Once and for all: to say so later would stop every thread of the process that needs memory, and a read before the
  // first write finds the system's huge page of zeros, not a table of small ones. Less than half a huge page at the end
  // is none.
  if (made.by_huge_pages) advise(aligned, aligned + round_down(bytes + kHugePage / 2, kHugePage), MADV_HUGEPAGE);
  return made;
}

void ArrayMapping::unmap() { munmap(mapped, mapped_bytes); }

// Makes the pages between the two addresses, and no others, resident, as far as there are elements, and marks the
// granules that lie between them, and this one.
void ArrayMapping::populate(size_t granule, uintptr_t begin, uintptr_t end) {
  end = std::min(end, round_up(address(0) + bytes, kMachinePage));
  // Refused by kernels before 5.14: page faults then do it.
  advise(begin, end, kPopulateWrite);
  const size_t first = begin <= address(0) ? 0 : round_up(begin - address(0), kGranuleBytes) / kGranuleBytes;
  const size_t behind = std::min(granules(), (end - address(0)) / kGranuleBytes);
  const auto mark = [this](size_t at) { std::atomic_ref(resident[at]).store(1, std::memory_order_relaxed); };
  for (size_t at = first; at < behind; ++at) mark(at);
  mark(granule);
}

void ArrayMapping::make_resident(size_t size) {
  if (!by_huge_pages) return;
  const size_t behind = granules_of(size);
  for (; made_resident < behind; ++made_resident) {
    if (resident[made_resident] == 0) run_ahead(made_resident);
  }
}

[[gnu::noinline]] void ArrayMapping::run_ahead(size_t granule) {
  if (by_huge_pages) {
    populate(granule, round_down(address(granule), kHugePage), round_up(address(granule + 1), kHugePage));
    return;
  }
  // How many directly before this one are in use, as far as it matters.
  size_t before = 0;
  const size_t most = std::min(granule, 8 * kMostGranules);
  while (before < most && std::atomic_ref(resident[granule - before - 1]).load(std::memory_order_relaxed) != 0)
    ++before;

  const uintptr_t begin = round_down(address(granule), kMachinePage);
  if (before >= kHugeFrom) {
    const uintptr_t end = round_up(address(granule + 1), kHugePage);
    advise(begin, std::min(end, round_up(address(0) + bytes, kMachinePage)), MADV_HUGEPAGE);
    populate(granule, begin, end);
  } else {
    const size_t more = std::clamp(before / 8, kSomeGranules, kMostGranules);
    const size_t wanted = before != 0 ? more : granule == 0 ? kFewGranules : 1;
    populate(granule, begin, round_up(address(granule + wanted), kMachinePage));
  }
}

}  // namespace gmem
