// The contents of the frames: one anonymous mapping as large as host memory, resident only where bytes were written.
//
// Stored: the mapping, and two bits a frame. `written` says that the mapping holds its bytes. A frame without it reads
// as zero, or, when it is `scrambled`, as kScrambled, without being touched: clearing and scrambling such a frame is
// free; that saving is a host figure, not a modelled one. Frames given back to the allocator are handed back to the
// machine (MADV_DONTNEED) and lose both bits: no byte outlives its owner.
#pragma once

#include <cstdint>
#include <memory>

#include "core/bitmap512.h"
#include "core/simd.h"
#include "core/sync.h"
#include "core/units.h"
#include "core/virtual_array.h"

namespace gmem {

class Arena {
 public:
  // `enabled` false: no contents, every query below answers as if all bytes were zero. `simd` outlives the arena.
  Arena(Pages total, bool enabled, uint64_t resident_limit_bytes, const SimdKernels& simd = best_simd());

  bool enabled() const { return enabled_; }

  // Makes the frames read as zero. A whole block is cleared past the caches: it is as large as a core's own cache, and
  // nobody reads it at once. `beside`: other lanes may be at work on other frames of the block.
  void clear_page(Pfn pfn, bool beside = false);
  void clear_block(Pfn first);
  // Makes the frame read kScrambled, what a conversion leaves where nobody asked for more.
  void scramble_page(Pfn pfn);
  // The frames have no owner any more.
  void drop_page(Pfn pfn);
  void drop_block(Pfn first);

  // Sets `bytes` bytes from `offset` in the frame. Returns false when that would exceed the resident limit. The first
  // write to a frame of a 2M folio asks the machine for one 2M page behind the whole folio.
  bool write(Pfn pfn, uint32_t offset, uint32_t bytes, uint8_t value, bool huge_folio);
  // The same beside other lanes, which are not at work on this frame. A frame that gets resident is counted in `fresh`,
  // for the caller to tell (became_resident); without `may_get_resident` the answer is false for such a frame.
  bool write_beside(Pfn pfn, uint32_t offset, uint32_t bytes, uint8_t value, bool huge_folio, bool may_get_resident,
                    uint64_t& fresh);
  void became_resident(uint64_t pages) { written_pages_ += pages; }
  // Frames that may still become resident.
  uint64_t room_pages() const { return written_pages_ < limit_pages_ ? limit_pages_ - written_pages_ : 0; }
  // True when all of them are equal; then `value` is what they are.
  bool read_uniform(Pfn pfn, uint32_t offset, uint32_t bytes, uint8_t& value) const;

  uint64_t resident_bytes() const { return written_pages_ * kPageBytes; }

 private:
  // Each advised block may cost two mappings of the kernel's default 65 530.
  static constexpr uint32_t kMostAdvised = 16384;

  static constexpr uint8_t kScrambled = 0xA5;

  struct alignas(kPageBytes) Page {
    uint8_t bytes[kPageBytes];
  };

  static bool test_beside(const Bitmap512& bits, uint32_t i) { return load_shared(bits.words[i >> 6]) >> (i & 63) & 1; }
  void unscramble(Pfn pfn);
  void unscramble_beside(Pfn pfn);
  void advise(uint64_t block, const Bitmap512& written);

  bool enabled_;
  uint64_t limit_pages_;
  const SimdKernels& simd_;
  uint64_t written_pages_ = 0;
  uint32_t advised_blocks_ = 0;
  VirtualArray<Page> pages_;
  VirtualArray<Bitmap512> written_;
  VirtualArray<Bitmap512> scrambled_;
  VirtualArray<bool> advised_;
};

}  // namespace gmem
