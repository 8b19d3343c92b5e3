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

// Which of the 16 words from `words` on match, as far as there are `left`.
GMEM_AVX512 inline __mmask16 matching(const uint32_t* words, uint64_t left, __m512i mask, __m512i value, __m512i& v) {
  const auto there = static_cast<__mmask16>(left >= 16 ? 0xffff : (1U << left) - 1);
  v = _mm512_maskz_loadu_epi32(there, words);
  return _mm512_mask_cmpeq_epi32_mask(there, _mm512_and_si512(v, mask), value);
}

GMEM_AVX512 uint64_t count_words(const uint32_t* words, uint64_t n, WordPattern pattern) {
  const __m512i mask = _mm512_set1_epi32(static_cast<int32_t>(pattern.mask));
  const __m512i value = _mm512_set1_epi32(static_cast<int32_t>(pattern.value));
  uint64_t matches = 0;
  uint64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    uint64_t found = 0;
    for (uint64_t j = 0; j < 4; ++j) {
      const __m512i v = _mm512_loadu_si512(words + i + 16 * j);
      found |= uint64_t{_mm512_cmpeq_epi32_mask(_mm512_and_si512(v, mask), value)} << (16 * j);
    }
    matches += static_cast<uint64_t>(_mm_popcnt_u64(found));
  }
  for (__m512i v; i < n; i += 16) {
    matches += static_cast<uint64_t>(_mm_popcnt_u32(matching(words + i, n - i, mask, value, v)));
  }
  return matches;
}

GMEM_AVX512 uint64_t select(const uint32_t* words, uint64_t n, WordPattern pattern, uint32_t shift, uint32_t* into) {
  const __m512i mask = _mm512_set1_epi32(static_cast<int32_t>(pattern.mask));
  const __m512i value = _mm512_set1_epi32(static_cast<int32_t>(pattern.value));
  const __m128i by = _mm_cvtsi32_si128(static_cast<int>(shift));
  uint64_t found = 0;
  __m512i v;
  for (uint64_t i = 0; i < n; i += 16) {
    const __mmask16 wanted = matching(words + i, n - i, mask, value, v);
    // All sixteen are written; what follows overwrites those that do not count.
    _mm512_storeu_si512(into + found, _mm512_maskz_compress_epi32(wanted, _mm512_srl_epi32(v, by)));
    found += static_cast<uint64_t>(_mm_popcnt_u32(wanted));
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
