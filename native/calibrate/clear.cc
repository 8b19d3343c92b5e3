#include "calibrate/clear.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gmem::calibrate {
namespace {

#if defined(__x86_64__)
__attribute__((target("avx512f"))) void stream_512(uint8_t* at, size_t bytes) {
  const __m512i zero = _mm512_setzero_si512();
  for (size_t i = 0; i < bytes; i += 64) _mm512_stream_si512(reinterpret_cast<__m512i*>(at + i), zero);
  _mm_sfence();
}

__attribute__((target("avx2"))) void stream_256(uint8_t* at, size_t bytes) {
  const __m256i zero = _mm256_setzero_si256();
  for (size_t i = 0; i < bytes; i += 32) _mm256_stream_si256(reinterpret_cast<__m256i*>(at + i), zero);
  _mm_sfence();
}

void stream_128(uint8_t* at, size_t bytes) {
  const __m128i zero = _mm_setzero_si128();
  for (size_t i = 0; i < bytes; i += 16) _mm_stream_si128(reinterpret_cast<__m128i*>(at + i), zero);
  _mm_sfence();
}

void stream(uint8_t* at, size_t bytes) {
  static const bool has_512 = __builtin_cpu_supports("avx512f") != 0;
  static const bool has_256 = __builtin_cpu_supports("avx2") != 0;
  if (has_512) {
    stream_512(at, bytes);
  } else if (has_256) {
    stream_256(at, bytes);
  } else {
    stream_128(at, bytes);
  }
}

void store_string(void* at, size_t bytes) { __asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(0) : "memory"); }
#endif

}  // namespace

bool clear(ClearBy by, void* at, size_t bytes) {
  if (by == ClearBy::kMemset) {
    std::memset(at, 0, bytes);
    // Two calls in a row stay two.
    __asm__ volatile("" : : "r"(at) : "memory");
    return true;
  }
#if defined(__x86_64__)
  if (by == ClearBy::kNonTemporal) {
    stream(static_cast<uint8_t*>(at), bytes);
  } else {
    store_string(at, bytes);
  }
  return true;
#else
  return false;
#endif
}

}  // namespace gmem::calibrate
