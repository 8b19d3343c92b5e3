#include "core/crc32.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace gmem {

namespace {

// The polynomial with the coefficient of x^31 in bit 0; that of x^32 is left out.
constexpr uint32_t kPolynomial = 0xedb88320;
constexpr size_t kSlices = 8;

// tables[k][b]: the remainder of byte b followed by k zero bytes.
using Tables = std::array<std::array<uint32_t, 256>, kSlices>;

constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t remainder = byte;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = remainder;
  }
  for (size_t k = 1; k < kSlices; ++k) {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

// On the inverted checksum, as the shift register holds it.
uint32_t update(uint32_t state, const uint8_t* bytes, size_t length) {
  for (; length >= kSlices; length -= kSlices, bytes += kSlices) {
    uint32_t low;
    std::memcpy(&low, bytes, sizeof low);
    low ^= state;
    state = kTables[7][low & 0xff] ^ kTables[6][(low >> 8) & 0xff] ^ kTables[5][(low >> 16) & 0xff] ^
            kTables[4][low >> 24] ^ kTables[3][bytes[4]] ^ kTables[2][bytes[5]] ^ kTables[1][bytes[6]] ^
            kTables[0][bytes[7]];
  }
  for (; length > 0; --length, ++bytes) state = (state >> 8) ^ kTables[0][(state ^ *bytes) & 0xff];
  return state;
}

#if defined(__x86_64__)

// x^n modulo the polynomial, reflected and one bit up: what a reflected carry-less product of 64 bits needs to come out
// in place.
constexpr uint64_t power(unsigned n) {
  uint32_t remainder = 0x80000000;
  for (; n > 0; --n) remainder = (remainder >> 1) ^ ((remainder & 1) != 0 ? kPolynomial : 0);
  return uint64_t{remainder} << 1;
}

// Moves 16 bytes `distance` bits towards the end of the message: their halves times x^(distance + 32) and x^(distance -
// 32).
template <unsigned distance>
struct Fold {
  static constexpr uint64_t kLow = power(distance + 32);
  static constexpr uint64_t kHigh = power(distance - 32);
};

#define GMEM_CLMUL __attribute__((target("pclmul,sse4.1")))

template <unsigned distance>
GMEM_CLMUL inline __m128i folded(__m128i lane, __m128i onto) {
  const __m128i by =
      _mm_set_epi64x(static_cast<int64_t>(Fold<distance>::kHigh), static_cast<int64_t>(Fold<distance>::kLow));
  const __m128i low = _mm_clmulepi64_si128(lane, by, 0x00);
  const __m128i high = _mm_clmulepi64_si128(lane, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), onto);
}

GMEM_CLMUL inline __m128i load(const uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// REQUIRES: length >= 64. Folds to 16 bytes that have the same remainder as all of the message, and leaves those, and
// what does not fill 16, to the tables.
GMEM_CLMUL uint32_t update_folding(uint32_t state, const uint8_t* bytes, size_t length) {
  __m128i lane[4];
  for (size_t i = 0; i < 4; ++i) lane[i] = load(bytes + 16 * i);
  lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi32_si128(static_cast<int>(state)));
  bytes += 64;
  length -= 64;
  for (; length >= 64; length -= 64, bytes += 64) {
    for (size_t i = 0; i < 4; ++i) lane[i] = folded<512>(lane[i], load(bytes + 16 * i));
  }
  __m128i one = lane[0];
  for (size_t i = 1; i < 4; ++i) one = folded<128>(one, lane[i]);
  for (; length >= 16; length -= 16, bytes += 16) one = folded<128>(one, load(bytes));
  uint8_t left[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(left), one);
  return update(update(0, left, sizeof left), bytes, length);
}

bool can_fold() {
  __builtin_cpu_init();
  return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

#endif

}  // namespace

uint32_t crc32_portable(const uint8_t* bytes, size_t length, uint32_t seed) { return ~update(~seed, bytes, length); }

uint32_t crc32(const uint8_t* bytes, size_t length, uint32_t seed) {
#if defined(__x86_64__)
  static const bool folding = can_fold();
  if (folding && length >= 64) return ~update_folding(~seed, bytes, length);
#endif
  return crc32_portable(bytes, length, seed);
}

}  // namespace gmem
