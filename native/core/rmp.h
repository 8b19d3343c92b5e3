// The reverse map table of SEV-SNP: for each host page, whether it is assigned, to which ASID and gfn, and whether the
// guest validated it.
//
// Stored: one word a 2M block of pfns: nothing assigned; one 2M entry; or a line with a bit a page (assigned,
// validated) and the owners. Owners are a run (one ASID, gfn = base + page); scattered, 4 bytes a page while all are
// one guest's and of one 16 TiB; else a word a page. 4K entries exist only after PSMASH or 4K updates.
//
// Always: a 2M entry has no line; a line has at least one page assigned; a validated page is assigned. Result codes are
// the hardware's, and a nonzero one has changed nothing.
//
// One call is one attempt of the instruction; what the kernel makes of the answer is in engine_rmp.cc. Other processors
// that work in the table are a number of attempts: while some are left no instruction reaches a block (`reach_` is 0),
// so that the test for the end of the table, which every instruction has, is the test for them too.
#pragma once

#include <cstdint>

#include "core/bitmap512.h"
#include "core/line_store.h"
#include "core/units.h"
#include "core/virtual_array.h"
#include "spec.gen.h"

namespace gmem {

// RMPUPDATE and PSMASH result codes (AMD64 APM vol. 3; Linux asm/sev-common.h for the overlap code). An entry that
// another processor holds is an overlap to RMPUPDATE, and in use to PSMASH.
enum class RmpCode : uint8_t { kOk = 0, kFailInput = 1, kFailPermission = 2, kFailInUse = 3, kFailOverlap = 4 };

// What a lookup of one page says (snp_lookup_rmpentry): the page's own assignment, the level of its 2M region.
struct RmpEntry {
  bool assigned = false;
  bool huge = false;
  bool validated = false;
  uint16_t asid = 0;
  Gfn gfn{0};
};

class Rmp {
 public:
  explicit Rmp(Pages total);

  // A pfn beyond the table is an error, never "unassigned": returns false (the kernel's -EFAULT).
  bool lookup(Pfn pfn, RmpEntry& entry) const;

  // Order of the page's entry, 0 or 9, where it is assigned to this guest at this gfn; else, and beyond the table, -1.
  int entry_order(Pfn pfn, Gfn gfn, uint16_t asid) const {
    if (pfn.block() >= blocks_) return -1;
    const uint64_t word = words_[pfn.block()];
    if (kind(word) == kHuge) {
      const bool here = huge_asid(word) == asid && Gfn::of_block(payload(word), pfn.in_block()) == gfn;
      return here ? static_cast<int>(kOrder2m) : -1;
    }
    if (kind(word) != kLine) return -1;
    return owned_by(static_cast<uint32_t>(payload(word)), pfn.in_block(), gfn, asid) ? static_cast<int>(kOrder4k) : -1;
  }

  // RMPUPDATE. A private entry starts out not validated.
  RmpCode make_private_4k(Pfn pfn, Gfn gfn, uint16_t asid);
  [[gnu::always_inline]] RmpCode make_private_2m(Pfn first, Gfn gfn, uint16_t asid) {
    const uint64_t block = first.block();
    if (first.in_block() != 0 || gfn.in_block() != 0 || !fits(gfn)) return RmpCode::kFailInput;
    if (const RmpCode code = reach(block, RmpCode::kFailOverlap); code != RmpCode::kOk) return code;
    words_.expect(block);
    if (kind(words_[block]) == kLine) return RmpCode::kFailOverlap;
    words_[block] = kHuge | uint64_t{asid} << 4 | gfn.block() << 16;
    return RmpCode::kOk;
  }
  RmpCode make_shared_4k(Pfn pfn);
  RmpCode make_shared_2m(Pfn first);

  // PSMASH: 512 4K entries in place of a 2M one; the validated flag is handed on.
  RmpCode psmash(Pfn first);

  // Other processors are busy in the table: of the attempts from now on that come as far as an entry `free` go through,
  // and the next `held` find it held. In place of what was said before.
  void hold(uint32_t held, uint32_t free) {
    held_ = held;
    free_ = free;
    reach_ = busy() ? 0 : blocks_;
  }
  bool busy() const { return held_ != 0; }
  // The table itself shows that an update of this order overlaps: the failure is real and will not pass.
  bool overlaps(Pfn pfn, uint32_t order) const {
    return kind(words_[pfn.block()]) == (order == kOrder4k ? kHuge : kLine);
  }

  // Sets the validated flag of the entry that holds `pfn`. REQUIRES: assigned.
  void set_validated(Pfn pfn);

  // Whether the page is assigned. REQUIRES: it is in the table.
  bool is_assigned(Pfn pfn) const {
    const uint64_t word = words_[pfn.block()];
    return kind(word) == kHuge || (kind(word) == kLine && assigned_[payload(word)].test(pfn.in_block()));
  }
  bool is_huge(Pfn pfn) const { return kind(words_[pfn.block()]) == kHuge; }
  bool block_unassigned(uint64_t block) const { return kind(words_[block]) == kNone; }
  bool block_assigned(uint64_t block) const {
    return kind(words_[block]) == kHuge || (kind(words_[block]) == kLine && assigned_[line_of(block)].all());
  }
  // What an instruction on the page will look at: the word of its block, and what the word names.
  [[gnu::always_inline]] void prefetch_word(Pfn pfn) const { words_.prefetch(pfn.block()); }
  [[gnu::always_inline]] void prefetch_line(Pfn pfn) const {
    const uint64_t word = words_[pfn.block()];
    if (kind(word) != kLine) return;
    assigned_.prefetch(payload(word));
    validated_.prefetch(payload(word));
  }
  // Threads will assign so many blocks.
  void expect_blocks(uint64_t count) { words_.expect_all(count); }
  bool blocks_expected(uint64_t count) const { return words_.expected(count); }
  // Bits of the assigned pages of a block.
  Bitmap512 assigned(uint64_t block) const;
  void share(bool on) {
    lines_.share(on);
    narrow_numbers_.share(on);
    wide_numbers_.share(on);
  }
  LockFigures lock_figures() const {
    LockFigures sum = lines_.figures();
    sum.add(narrow_numbers_.figures());
    sum.add(wide_numbers_.figures());
    return sum;
  }
  uint64_t blocks() const { return blocks_; }
  uint64_t metadata_bytes() const;

 private:
  // Word: bits 0-1 kind, bit 2 validated (2M entry), bits 4-13 ASID (2M entry), bits 16-: gfn block (2M entry) or line.
  static constexpr uint64_t kNone = 0;
  static constexpr uint64_t kHuge = 1;
  static constexpr uint64_t kLine = 2;
  static constexpr uint64_t kValidated = 4;
  static constexpr uint64_t kLow = 0xffffffff;
  static constexpr uint64_t kGfnBits = (uint64_t{1} << 48) - 1;  // more than a guest-physical address has

  // An entry has room for it.
  static bool fits(Gfn gfn) { return gfn.value >> spec::kRmpGfnBits == 0; }
  static uint64_t kind(uint64_t word) { return word & 3; }
  static uint16_t huge_asid(uint64_t word) { return static_cast<uint16_t>((word >> 4) & 0x3ff); }
  static uint64_t payload(uint64_t word) { return word >> 16; }
  static uint64_t pack_owner(Gfn gfn, uint16_t asid) { return (gfn.value & kGfnBits) | uint64_t{asid} << 48; }

  // How the owners of a line are kept; a form once left comes back only with an empty line.
  enum class Form : uint16_t { kRun, kNarrow, kWide };
  struct Owners {
    uint64_t base_gfn;  // run: gfn of page 0 of the block, modulo 2^64; narrow: what all gfns have above 32 bits
    uint16_t asid;      // run and narrow
    Form form;
    uint32_t number;  // of the array of this form
  };
  struct NarrowOwners {
    uint32_t gfn_of_page[kBlockPages];
  };
  struct WideOwners {
    uint64_t of_page[kBlockPages];
  };

  uint32_t line_of(uint64_t block) const { return static_cast<uint32_t>(payload(words_[block])); }
  uint32_t open_line(uint64_t block);
  void close_line_if_empty(uint64_t block);
  void set_owner(uint32_t line, uint32_t in_block, Gfn gfn, uint16_t asid);
  void set_scattered_owner(uint32_t line, uint32_t in_block, Gfn gfn, uint16_t asid);
  bool owned_by(uint32_t line, uint32_t in_block, Gfn gfn, uint16_t asid) const {
    if (!assigned_[line].test(in_block)) return false;
    const Owners& owners = owners_[line];
    if (owners.form == Form::kRun) [[likely]] {
      return owners.asid == asid && owners.base_gfn + in_block == gfn.value;
    }
    RmpEntry entry;
    get_owner(line, in_block, entry);
    return entry.asid == asid && entry.gfn == gfn;
  }
  void get_owner(uint32_t line, uint32_t in_block, RmpEntry& entry) const;
  bool fits_narrow(uint32_t line) const;
  void narrow(uint32_t line);
  void widen(uint32_t line);

  // What an attempt meets on the way to its block: nothing (kOk), the end of the table, or an entry that is held.
  RmpCode reach(uint64_t block, RmpCode held) { return block < reach_ ? RmpCode::kOk : out_of_reach(block, held); }
  RmpCode out_of_reach(uint64_t block, RmpCode held);

  uint64_t blocks_;
  uint64_t reach_;  // blocks that instructions reach without a word: all, or none while busy
  uint32_t held_ = 0;
  uint32_t free_ = 0;
  VirtualArray<uint64_t> words_;
  LineNumbers lines_;
  VirtualArray<Bitmap512> assigned_;
  VirtualArray<Bitmap512> validated_;
  VirtualArray<Owners> owners_;
  LineNumbers narrow_numbers_;
  LineNumbers wide_numbers_;
  VirtualArray<NarrowOwners> narrow_owners_;
  VirtualArray<WideOwners> wide_owners_;
};

}  // namespace gmem
