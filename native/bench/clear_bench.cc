// Clearing 2M folios for real: 1 GiB of the arena that is resident and held throughout (all of it written before the
// first timed clear), walked by 2M. Beside it, on the same memory and a folio each in turn, so that whatever the memory
// and the machine are like at that moment is alike for all: the machine's own limit, loops of non-temporal stores,
// and the two ways of the C library and the CPU that go through the caches.
#include <cstring>

#include "bench/bench.h"
#include "core/arena.h"
#include "test/private_access.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gmem {

GMEM_EXPOSE(ArenaPages, Arena, pages_);

namespace {

using bench::Timer;

constexpr uint64_t kBlocks = 512;

#if defined(__x86_64__)
// SSE2, the same loop on every x86-64; and a line at once, where the CPU can.
void store_past_caches(uint8_t* to, uint64_t bytes) {
  const __m128i zero = _mm_setzero_si128();
  for (uint64_t i = 0; i < bytes; i += 64) {
    for (uint64_t j = i; j < i + 64; j += 16) _mm_stream_si128(reinterpret_cast<__m128i*>(to + j), zero);
  }
  _mm_sfence();
}

__attribute__((target("avx512f"))) void store_lines_past_caches(uint8_t* to, uint64_t bytes) {
  const __m512i zero = _mm512_setzero_si512();
  for (uint64_t i = 0; i < bytes; i += 64) _mm512_stream_si512(reinterpret_cast<__m512i*>(to + i), zero);
  _mm_sfence();
}

void store_string(uint8_t* to, uint64_t bytes) {
  asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(0) : "memory");
}
#endif

void store_by_library(uint8_t* to, uint64_t bytes) {
  std::memset(to, 0, bytes);
  asm volatile("" : : "r"(to) : "memory");
}

BENCH(clear_2m_resident) {
  // Held over the repetitions: memory that was freed a moment ago, or long ago, is another matter (first touch).
  static Arena* arena = [] {
    auto* made = new Arena({kBlocks * kBlockPages}, true, kBlocks * kBlockBytes);
    for (uint64_t page = 0; page < kBlocks * kBlockPages; ++page) made->write({page}, 0, kPageBytes, 0x5a, true);
    return made;
  }();
  auto* const base = reinterpret_cast<uint8_t*>((arena->*private_member(ArenaPages{})).data());
  // A turn of as many folios as no cache holds, so that none finds what another left there.
  constexpr uint64_t kTurn = 64;
  for (uint64_t first = 0; first < kBlocks; first += kTurn) {
    const auto turn = [&](const char* phase, auto clear) {
      timer.measure(phase, kTurn, [&] {
        for (uint64_t block = first; block < first + kTurn; ++block) clear(block);
      });
    };
    const auto store = [&](void (*how)(uint8_t*, uint64_t)) {
      return [=](uint64_t block) { how(base + block * kBlockBytes, kBlockBytes); };
    };
#if defined(__x86_64__)
    turn("limit: non-temporal stores", store(store_past_caches));
    if (__builtin_cpu_supports("avx512f")) turn("limit: non-temporal stores of a line", store(store_lines_past_caches));
#endif
    turn("2M folio of the arena", [&](uint64_t block) { arena->clear_block(Pfn::of_block(block)); });
    turn("memset", store(store_by_library));
#if defined(__x86_64__)
    turn("rep stosb", store(store_string));
#endif
  }
}

}  // namespace
}  // namespace gmem
