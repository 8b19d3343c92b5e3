// Loops over many lines or block words, each written for several instruction sets; which one runs is chosen once, when
// an engine is created, by what the CPU has or by what the user asks for.
//
// Dispatch is one indirect call a loop, never one a bitmap. All paths give equal results (native/test/simd_test.cc).
// Only the functions of simd_avx2.cc and simd_avx512.cc are compiled for wider instructions, each by its own attribute,
// so nothing that the rest of the program shares with them (an inline function, a template) can need such a CPU.
#pragma once

#include <cstdint>

#include "core/bitmap512.h"
#include "core/word_pattern.h"
#include "spec.gen.h"

namespace gmem {

using spec::Simd;

struct SimdKernels {
  Simd path;

  // Set bits of n lines.
  uint64_t (*count)(const Bitmap512* lines, uint64_t n);
  // Set bits of the lines pool[numbers[0]], …, pool[numbers[n - 1]].
  uint64_t (*count_listed)(const Bitmap512* pool, const uint32_t* numbers, uint64_t n);
  // How many of n words match.
  uint64_t (*count_words)(const uint32_t* words, uint64_t n, WordPattern pattern);
  // Of the words that match, in their order: what is above bit `shift`. Returns how many there are. REQUIRES: room for
  // n + 15 at `into`.
  uint64_t (*select)(const uint32_t* words, uint64_t n, WordPattern pattern, uint32_t shift, uint32_t* into);
  // lines[i] &= with[i], &= ~with[i], |= with[i].
  void (*keep)(Bitmap512* lines, const Bitmap512* with, uint64_t n);
  void (*remove)(Bitmap512* lines, const Bitmap512* with, uint64_t n);
  void (*add)(Bitmap512* lines, const Bitmap512* with, uint64_t n);
  // Number of the first line of which some word is not `word`, or n: with 0 whether no bit is set, with ~0 whether all
  // are.
  uint64_t (*first_other)(const Bitmap512* lines, uint64_t n, uint64_t word);
  // Zeroes memory that nothing will read soon: past the caches where the path has stores for that. REQUIRES: `to` and
  // `bytes` are multiples of 256.
  void (*clear)(void* to, uint64_t bytes);
};

// nullptr where this CPU, or this build, has no such path. kPortable is always there. AVX-512 here means F, BW and
// VPOPCNTDQ.
const SimdKernels* simd_kernels(Simd path);

// The widest path this CPU has.
const SimdKernels& best_simd();

}  // namespace gmem
