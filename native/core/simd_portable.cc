// Every kernel in plain C++: the path of CPUs without wider vectors and of other architectures, and what the others are
// tested against.
#include <cstring>

#include "core/simd_paths.h"

namespace gmem {
namespace {

uint64_t count(const Bitmap512* lines, uint64_t n) {
  uint64_t bits = 0;
  for (uint64_t i = 0; i < n; ++i) bits += lines[i].count();
  return bits;
}

uint64_t count_listed(const Bitmap512* pool, const uint32_t* numbers, uint64_t n) {
  uint64_t bits = 0;
  for (uint64_t i = 0; i < n; ++i) bits += pool[numbers[i]].count();
  return bits;
}

uint64_t count_words(const uint32_t* words, uint64_t n, WordPattern pattern) {
  uint64_t matches = 0;
  for (uint64_t i = 0; i < n; ++i) matches += pattern.matches(words[i]) ? 1 : 0;
  return matches;
}

uint64_t select(const uint32_t* words, uint64_t n, WordPattern pattern, uint32_t shift, uint32_t* into) {
  uint64_t found = 0;
  for (uint64_t i = 0; i < n; ++i) {
    into[found] = words[i] >> shift;
    found += pattern.matches(words[i]) ? 1 : 0;
  }
  return found;
}

void keep(Bitmap512* lines, const Bitmap512* with, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) lines[i] = lines[i] & with[i];
}

void remove(Bitmap512* lines, const Bitmap512* with, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) lines[i] = and_not(lines[i], with[i]);
}

void add(Bitmap512* lines, const Bitmap512* with, uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) lines[i] = lines[i] | with[i];
}

uint64_t first_other(const Bitmap512* lines, uint64_t n, uint64_t word) {
  for (uint64_t i = 0; i < n; ++i) {
    uint64_t differs = 0;
    for (const uint64_t has : lines[i].words) differs |= has ^ word;
    if (differs != 0) return i;
  }
  return n;
}

void clear(void* to, uint64_t bytes) { std::memset(to, 0, bytes); }

}  // namespace

const SimdKernels kSimdPortable = {Simd::kPortable, count, count_listed, count_words, select, keep,
                                   remove,          add,   first_other,  clear};

}  // namespace gmem
