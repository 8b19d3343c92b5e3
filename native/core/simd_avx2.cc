// The kernels for AVX2. No instruction set is switched on for the file: each function has its own (simd.h says why).
#if defined(__x86_64__)

#include <immintrin.h>

#include "core/simd_paths.h"

#define GMEM_AVX2 __attribute__((target("avx2,popcnt")))

namespace gmem {
namespace {

// Lines ahead whose load is begun while a listed one is counted.
constexpr uint64_t kAhead = 16;

GMEM_AVX2 inline const __m256i* vectors(const Bitmap512& line) { return reinterpret_cast<const __m256i*>(line.words); }
GMEM_AVX2 inline __m256i* vectors(Bitmap512& line) { return reinterpret_cast<__m256i*>(line.words); }

// Set bits of each byte, by table of four bits. No byte exceeds 8.
GMEM_AVX2 inline __m256i bits_of_bytes(__m256i v) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low = _mm256_set1_epi8(15);
  const __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
  return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(v, low)), _mm256_shuffle_epi8(table, high));
}

GMEM_AVX2 inline __m256i bits_of_line(const Bitmap512& line) {
  const __m256i bytes = _mm256_add_epi8(bits_of_bytes(_mm256_load_si256(vectors(line))),
                                        bits_of_bytes(_mm256_load_si256(vectors(line) + 1)));
  return _mm256_sad_epu8(bytes, _mm256_setzero_si256());
}

GMEM_AVX2 inline uint64_t sum(__m256i v) {
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  return static_cast<uint64_t>(_mm_extract_epi64(half, 0) + _mm_extract_epi64(half, 1));
}

// Sums bytes of up to 8 lines before they are widened: no byte exceeds 128.
GMEM_AVX2 uint64_t count(const Bitmap512* lines, uint64_t n) {
  __m256i total = _mm256_setzero_si256();
  uint64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m256i bytes = _mm256_setzero_si256();
    for (uint64_t j = i; j < i + 8; ++j) {
      bytes = _mm256_add_epi8(bytes, bits_of_bytes(_mm256_load_si256(vectors(lines[j]))));
      bytes = _mm256_add_epi8(bytes, bits_of_bytes(_mm256_load_si256(vectors(lines[j]) + 1)));
    }
    total = _mm256_add_epi64(total, _mm256_sad_epu8(bytes, _mm256_setzero_si256()));
  }
  for (; i < n; ++i) total = _mm256_add_epi64(total, bits_of_line(lines[i]));
  return sum(total);
}

GMEM_AVX2 uint64_t count_listed(const Bitmap512* pool, const uint32_t* numbers, uint64_t n) {
  __m256i total = _mm256_setzero_si256();
  for (uint64_t i = 0; i < n; ++i) {
    _mm_prefetch(reinterpret_cast<const char*>(&pool[numbers[i + kAhead < n ? i + kAhead : n - 1]]), _MM_HINT_T0);
    total = _mm256_add_epi64(total, bits_of_line(pool[numbers[i]]));
  }
  return sum(total);
}

GMEM_AVX2 uint64_t count_words(const uint32_t* words, uint64_t n, WordPattern pattern) {
  const __m256i mask = _mm256_set1_epi32(static_cast<int32_t>(pattern.mask));
  const __m256i value = _mm256_set1_epi32(static_cast<int32_t>(pattern.value));
  // A match is all ones, which is -1. A lane sees every eighth word, so that 32 bits are enough for 2^32 of them.
  __m256i totals[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  uint64_t i = 0;
  for (; i + 32 <= n; i += 32) {
    for (uint64_t j = 0; j < 4; ++j) {
      const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + i + 8 * j));
      totals[j] = _mm256_sub_epi32(totals[j], _mm256_cmpeq_epi32(_mm256_and_si256(v, mask), value));
    }
  }
  const __m256i total =
      _mm256_add_epi32(_mm256_add_epi32(totals[0], totals[1]), _mm256_add_epi32(totals[2], totals[3]));
  // Eight sums of 32 bits, as four of 64.
  uint64_t matches =
      sum(_mm256_add_epi64(_mm256_and_si256(total, _mm256_set1_epi64x(0xffffffff)), _mm256_srli_epi64(total, 32)));
  for (; i < n; ++i) matches += pattern.matches(words[i]) ? 1 : 0;
  return matches;
}

GMEM_AVX2 uint64_t select(const uint32_t* words, uint64_t n, WordPattern pattern, uint32_t shift, uint32_t* into) {
  uint64_t found = 0;
  for (uint64_t i = 0; i < n; ++i) {
    into[found] = words[i] >> shift;
    found += pattern.matches(words[i]) ? 1 : 0;
  }
  return found;
}

GMEM_AVX2 void keep(Bitmap512* lines, const Bitmap512* with, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    for (int half = 0; half < 2; ++half) {
      __m256i* line = vectors(lines[i]) + half;
      _mm256_store_si256(line, _mm256_and_si256(_mm256_load_si256(line), _mm256_load_si256(vectors(with[i]) + half)));
    }
  }
}

GMEM_AVX2 void remove(Bitmap512* lines, const Bitmap512* with, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    for (int half = 0; half < 2; ++half) {
      __m256i* line = vectors(lines[i]) + half;
      _mm256_store_si256(line,
                         _mm256_andnot_si256(_mm256_load_si256(vectors(with[i]) + half), _mm256_load_si256(line)));
    }
  }
}

GMEM_AVX2 void add(Bitmap512* lines, const Bitmap512* with, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    for (int half = 0; half < 2; ++half) {
      __m256i* line = vectors(lines[i]) + half;
      _mm256_store_si256(line, _mm256_or_si256(_mm256_load_si256(line), _mm256_load_si256(vectors(with[i]) + half)));
    }
  }
}

GMEM_AVX2 uint64_t first_other(const Bitmap512* lines, uint64_t n, uint64_t word) {
  const __m256i wanted = _mm256_set1_epi64x(static_cast<int64_t>(word));
  for (uint64_t i = 0; i < n; ++i) {
    const __m256i differs = _mm256_or_si256(_mm256_xor_si256(_mm256_load_si256(vectors(lines[i])), wanted),
                                            _mm256_xor_si256(_mm256_load_si256(vectors(lines[i]) + 1), wanted));
    if (!_mm256_testz_si256(differs, differs)) return i;
  }
  return n;
}

GMEM_AVX2 void clear(void* to, uint64_t bytes) {
  auto* at = static_cast<__m256i*>(to);
  const __m256i zero = _mm256_setzero_si256();
  for (uint64_t i = 0; i < bytes / sizeof(__m256i); i += 4) {
    for (uint64_t j = i; j < i + 4; ++j) _mm256_stream_si256(at + j, zero);
  }
  // What follows must not be seen before the zeroes.
  _mm_sfence();
}

}  // namespace

const SimdKernels kSimdAvx2 = {Simd::kAvx2, count,  count_listed, count_words, select,
                               keep,        remove, add,          first_other, clear};

}  // namespace gmem

#endif
