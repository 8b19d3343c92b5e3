// The kernels for AVX-512 (F, BW, VPOPCNTDQ): a line is one register. No instruction set is switched on for the file:
// each function has its own (simd.h says why).
#if defined(__x86_64__)

#include <immintrin.h>

#include "core/simd_paths.h"

// GCC's own header starts the operands that an instruction ignores from themselves, and warns of that (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define GMEM_AVX512 __attribute__((target("avx512f,avx512bw,avx512vpopcntdq,popcnt")))

namespace gmem {
namespace {

// Lines ahead whose load is begun while a listed one is counted.
constexpr uint64_t kAhead = 24;

GMEM_AVX512 inline __m512i load(const Bitmap512& line) { return _mm512_load_si512(line.words); }

GMEM_AVX512 uint64_t count(const Bitmap512* lines, uint64_t n) {
  __m512i totals[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
  uint64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int j = 0; j < 4; ++j) totals[j] = _mm512_add_epi64(totals[j], _mm512_popcnt_epi64(load(lines[i + j])));
  }
  for (; i < n; ++i) totals[0] = _mm512_add_epi64(totals[0], _mm512_popcnt_epi64(load(lines[i])));
  const __m512i total =
      _mm512_add_epi64(_mm512_add_epi64(totals[0], totals[1]), _mm512_add_epi64(totals[2], totals[3]));
  return static_cast<uint64_t>(_mm512_reduce_add_epi64(total));
}

GMEM_AVX512 uint64_t count_listed(const Bitmap512* pool, const uint32_t* numbers, uint64_t n) {
  __m512i total = _mm512_setzero_si512();
  uint64_t i = 0;
  for (; i + kAhead < n; ++i) {
    _mm_prefetch(reinterpret_cast<const char*>(&pool[numbers[i + kAhead]]), _MM_HINT_T0);
    total = _mm512_add_epi64(total, _mm512_popcnt_epi64(load(pool[numbers[i]])));
  }
  for (; i < n; ++i) total = _mm512_add_epi64(total, _mm512_popcnt_epi64(load(pool[numbers[i]])));
  return static_cast<uint64_t>(_mm512_reduce_add_epi64(total));
}

GMEM_AVX512 uint64_t count_words(const uint64_t* words, uint64_t n, WordPattern pattern) {
  const __m512i mask = _mm512_set1_epi64(static_cast<int64_t>(pattern.mask));
  const __m512i value = _mm512_set1_epi64(static_cast<int64_t>(pattern.value));
  uint64_t matches = 0;
  for (uint64_t i = 0; i < n; i += 8) {
    const __mmask8 there = static_cast<__mmask8>(n - i >= 8 ? 0xff : (1U << (n - i)) - 1);
    const __m512i v = _mm512_maskz_loadu_epi64(there, words + i);
    matches +=
        static_cast<uint64_t>(_mm_popcnt_u32(_mm512_mask_cmpeq_epi64_mask(there, _mm512_and_si512(v, mask), value)));
  }
  return matches;
}

GMEM_AVX512 uint64_t select(const uint64_t* words, uint64_t n, WordPattern pattern, uint32_t shift, uint32_t mask,
                            uint32_t* into) {
  const __m512i wanted = _mm512_set1_epi64(static_cast<int64_t>(pattern.mask));
  const __m512i value = _mm512_set1_epi64(static_cast<int64_t>(pattern.value));
  const __m512i low = _mm512_set1_epi64(mask);
  const __m128i by = _mm_cvtsi32_si128(static_cast<int>(shift));
  uint64_t found = 0;
  for (uint64_t i = 0; i < n; i += 8) {
    const __mmask8 there = static_cast<__mmask8>(n - i >= 8 ? 0xff : (1U << (n - i)) - 1);
    const __m512i v = _mm512_maskz_loadu_epi64(there, words + i);
    const __mmask8 matching = _mm512_mask_cmpeq_epi64_mask(there, _mm512_and_si512(v, wanted), value);
    const __m512i packed = _mm512_maskz_compress_epi64(matching, _mm512_and_si512(_mm512_srl_epi64(v, by), low));
    // All eight are written; what follows overwrites those that do not count.
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(into + found), _mm512_cvtepi64_epi32(packed));
    found += static_cast<uint64_t>(_mm_popcnt_u32(matching));
  }
  return found;
}

GMEM_AVX512 void keep(Bitmap512* lines, const Bitmap512* with, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    _mm512_store_si512(lines[i].words, _mm512_and_si512(load(lines[i]), load(with[i])));
  }
}

GMEM_AVX512 void remove(Bitmap512* lines, const Bitmap512* with, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    _mm512_store_si512(lines[i].words, _mm512_andnot_si512(load(with[i]), load(lines[i])));
  }
}

GMEM_AVX512 void add(Bitmap512* lines, const Bitmap512* with, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    _mm512_store_si512(lines[i].words, _mm512_or_si512(load(lines[i]), load(with[i])));
  }
}

GMEM_AVX512 uint64_t first_other(const Bitmap512* lines, uint64_t n, uint64_t word) {
  const __m512i wanted = _mm512_set1_epi64(static_cast<int64_t>(word));
  for (uint64_t i = 0; i < n; ++i) {
    if (_mm512_cmpneq_epi64_mask(load(lines[i]), wanted) != 0) return i;
  }
  return n;
}

GMEM_AVX512 void clear(void* to, uint64_t bytes) {
  auto* at = static_cast<uint8_t*>(to);
  const __m512i zero = _mm512_setzero_si512();
  for (uint64_t i = 0; i < bytes; i += 256) {
    for (uint64_t j = i; j < i + 256; j += 64) _mm512_stream_si512(reinterpret_cast<__m512i*>(at + j), zero);
  }
  // What follows must not be seen before the zeroes.
  _mm_sfence();
}

}  // namespace

const SimdKernels kSimdAvx512 = {Simd::kAvx512, count,  count_listed, count_words, select,
                                 keep,          remove, add,          first_other, clear};

}  // namespace gmem

#endif
