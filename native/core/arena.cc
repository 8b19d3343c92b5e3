#include "core/arena.h"

#include <sys/mman.h>

#include <cstring>

namespace gmem {

Arena::Arena(Pages total, bool enabled, uint64_t resident_limit_bytes, const SimdKernels& simd)
    : enabled_(enabled),
      limit_pages_(resident_limit_bytes >> kPageShift),
      simd_(simd),
      pages_(enabled ? total.value : 0),
      written_(enabled ? total.value >> kBlockShift : 0),
      scrambled_(enabled ? total.value >> kBlockShift : 0),
      advised_(enabled ? total.value >> kBlockShift : 0) {}

void Arena::clear_page(Pfn pfn, bool beside) {
  if (!enabled_) return;
  if (beside) {
    if (test_beside(written_[pfn.block()], pfn.in_block())) std::memset(pages_[pfn.value].bytes, 0, kPageBytes);
    unscramble_beside(pfn);
    return;
  }
  if (written_[pfn.block()].test(pfn.in_block())) std::memset(pages_[pfn.value].bytes, 0, kPageBytes);
  unscramble(pfn);
}

void Arena::unscramble(Pfn pfn) {
  Bitmap512& scrambled = scrambled_[pfn.block()];
  // Tested first: memory of the bitmaps is resident only where something was ever scrambled.
  if (scrambled.test(pfn.in_block())) scrambled.clear(pfn.in_block());
}

void Arena::unscramble_beside(Pfn pfn) {
  Bitmap512& scrambled = scrambled_[pfn.block()];
  const uint32_t i = pfn.in_block();
  if (test_beside(scrambled, i)) clear_bits_shared(scrambled.words[i >> 6], uint64_t{1} << (i & 63));
}

void Arena::scramble_page(Pfn pfn) {
  if (!enabled_) return;
  if (written_[pfn.block()].test(pfn.in_block())) {
    std::memset(pages_[pfn.value].bytes, kScrambled, kPageBytes);
  } else {
    scrambled_[pfn.block()].set(pfn.in_block());
  }
}

void Arena::clear_block(Pfn first) {
  if (!enabled_) return;
  const Bitmap512& written = written_[first.block()];
  if (!scrambled_[first.block()].none()) scrambled_[first.block()].fill(false);
  if (written.none()) return;
  if (written.all()) {
    simd_.clear(pages_[first.value].bytes, kBlockBytes);
    return;
  }
  for (uint32_t i = written.next_set(0); i < kBlockPages; i = written.next_set(i + 1)) clear_page(first + Pages{i});
}

void Arena::drop_page(Pfn pfn) {
  if (!enabled_) return;
  Bitmap512& written = written_[pfn.block()];
  unscramble(pfn);
  if (!written.test(pfn.in_block())) return;
  written.clear(pfn.in_block());
  --written_pages_;
  madvise(pages_[pfn.value].bytes, kPageBytes, MADV_DONTNEED);
}

void Arena::drop_block(Pfn first) {
  if (!enabled_) return;
  Bitmap512& written = written_[first.block()];
  if (!scrambled_[first.block()].none()) scrambled_[first.block()].fill(false);
  if (written.none()) return;
  written_pages_ -= written.count();
  written.fill(false);
  madvise(pages_[first.value].bytes, kBlockBytes, MADV_DONTNEED);
}

bool Arena::write(Pfn pfn, uint32_t offset, uint32_t bytes, uint8_t value, bool huge_folio) {
  if (!enabled_) return true;
  const uint64_t block = pfn.block();
  Bitmap512& written = written_[block];
  if (huge_folio) advise(block, written);
  if (!written.test(pfn.in_block())) {
    if (written_pages_ >= limit_pages_) return false;
    written.set(pfn.in_block());
    ++written_pages_;
    if (scrambled_[block].test(pfn.in_block())) {
      unscramble(pfn);
      std::memset(pages_[pfn.value].bytes, kScrambled, kPageBytes);
    }
  }
  std::memset(pages_[pfn.value].bytes + offset, value, bytes);
  return true;
}

// Asks for a 2M page, the first time that one would help. The caller has the whole block.
void Arena::advise(uint64_t block, const Bitmap512& written) {
  if (advised_[block] || !written.none()) return;
  std::atomic_ref<uint32_t> advised(advised_blocks_);
  if (advised.load(std::memory_order_relaxed) >= kMostAdvised) return;
  madvise(pages_[block << kBlockShift].bytes, kBlockBytes, MADV_HUGEPAGE);
  advised_[block] = true;
  advised.fetch_add(1, std::memory_order_relaxed);
}

bool Arena::write_beside(Pfn pfn, uint32_t offset, uint32_t bytes, uint8_t value, bool huge_folio,
                         bool may_get_resident, uint64_t& fresh) {
  if (!enabled_) return true;
  const uint64_t block = pfn.block();
  const uint32_t i = pfn.in_block();
  Bitmap512& written = written_[block];
  if (!test_beside(written, i)) {
    if (!may_get_resident) return false;
    if (huge_folio) advise(block, written);
    set_bits_shared(written.words[i >> 6], uint64_t{1} << (i & 63));
    ++fresh;
    if (test_beside(scrambled_[block], i)) {
      unscramble_beside(pfn);
      std::memset(pages_[pfn.value].bytes, kScrambled, kPageBytes);
    }
  }
  std::memset(pages_[pfn.value].bytes + offset, value, bytes);
  return true;
}

bool Arena::read_uniform(Pfn pfn, uint32_t offset, uint32_t bytes, uint8_t& value) const {
  if (!enabled_ || !test_beside(written_[pfn.block()], pfn.in_block())) {
    value = enabled_ && test_beside(scrambled_[pfn.block()], pfn.in_block()) ? kScrambled : uint8_t{0};
    return true;
  }
  const uint8_t* from = pages_[pfn.value].bytes + offset;
  value = *from;
  return bytes == 1 || std::memcmp(from, from + 1, bytes - 1) == 0;
}

}  // namespace gmem
