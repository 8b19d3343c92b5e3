// Clearing 2M folios for real: 1 GiB that is resident and held throughout (all of it written before the first timed
// clear), walked by 2M. Beside it, on the same memory and in the same repetition: the machine's own limit, a loop of
// non-temporal stores, and the two ways of the C library and the CPU that go through the caches.
#include <sys/mman.h>

#include <cstring>

#include "bench/bench.h"
#include "core/arena.h"
#include "core/virtual_array.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace gmem {
namespace {

using bench::Timer;

constexpr uint64_t kBlocks = 512;

#if defined(__x86_64__)
// SSE2 only, so that it is the same loop on every x86-64: what matters is that a line is stored past the caches.
void store_past_caches(uint8_t* to, uint64_t bytes) {
  const __m128i zero = _mm_setzero_si128();
  for (uint64_t i = 0; i < bytes; i += 64) {
    for (uint64_t j = i; j < i + 64; j += 16) _mm_stream_si128(reinterpret_cast<__m128i*>(to + j), zero);
  }
  _mm_sfence();
}

void store_string(uint8_t* to, uint64_t bytes) {
  asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(0) : "memory");
}
#endif

struct Memory {
  uint8_t bytes[kBlockBytes];
};

BENCH(clear_2m_resident) {
  // Held over the repetitions: memory that was freed a moment ago, or long ago, is another matter (first touch).
  static Arena* arena = [] {
    auto* made = new Arena({kBlocks * kBlockPages}, true, kBlocks * kBlockBytes);
    for (uint64_t page = 0; page < kBlocks * kBlockPages; ++page) made->write({page}, 0, kPageBytes, 0x5a, true);
    return made;
  }();
  static VirtualArray<Memory>* plain = [] {
    auto* made = new VirtualArray<Memory>(kBlocks + 1);
    // From a 2M boundary, 2M pages, written: as the arena's are.
    const auto base = (reinterpret_cast<uintptr_t>(made->data()) + kBlockBytes - 1) & ~(kBlockBytes - 1);
    madvise(reinterpret_cast<void*>(base), kBlocks * kBlockBytes, MADV_HUGEPAGE);
    std::memset(reinterpret_cast<void*>(base), 0x5a, kBlocks * kBlockBytes);
    return made;
  }();
  auto* base =
      reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(plain->data()) + kBlockBytes - 1) & ~(kBlockBytes - 1));
  const auto walk = [&](const char* phase, void (*store)(uint8_t*, uint64_t)) {
    timer.measure(phase, kBlocks, [&] {
      for (uint64_t block = 0; block < kBlocks; ++block) store(base + block * kBlockBytes, kBlockBytes);
    });
  };
#if defined(__x86_64__)
  walk("limit: non-temporal stores", store_past_caches);
#endif
  timer.measure("2M folio of the arena", kBlocks, [&] {
    for (uint64_t block = 0; block < kBlocks; ++block) arena->clear_block(Pfn::of_block(block));
  });
  walk("memset", [](uint8_t* to, uint64_t bytes) {
    std::memset(to, 0, bytes);
    asm volatile("" : : "r"(to) : "memory");
  });
#if defined(__x86_64__)
  walk("rep stosb", store_string);
#endif
}

}  // namespace
}  // namespace gmem
