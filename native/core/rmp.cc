#include "core/rmp.h"

namespace gmem {

Rmp::Rmp(Pages total)
    : blocks_(total.value >> kBlockShift),
      reach_(blocks_),
      words_(blocks_, Growth::kByHugePages),
      lines_(blocks_),
      assigned_(blocks_),
      validated_(blocks_),
      owners_(blocks_),
      narrow_numbers_(blocks_),
      wide_numbers_(blocks_),
      narrow_owners_(blocks_),
      wide_owners_(blocks_) {}

[[gnu::noinline]] RmpCode Rmp::out_of_reach(uint64_t block, RmpCode held) {
  if (block >= blocks_) return RmpCode::kFailInput;
  if (free_ > 0) {
    --free_;
    return RmpCode::kOk;
  }
  if (--held_ == 0) reach_ = blocks_;
  return held;
}

bool Rmp::lookup(Pfn pfn, RmpEntry& entry) const {
  const uint64_t block = pfn.block();
  if (block >= blocks_) return false;
  const uint64_t word = words_[block];
  const uint32_t i = pfn.in_block();
  entry = RmpEntry{};
  switch (kind(word)) {
    case kHuge:
      entry = {true, true, (word & kValidated) != 0, huge_asid(word), Gfn::of_block(payload(word), i)};
      break;
    case kLine: {
      const uint32_t line = line_of(block);
      if (!assigned_[line].test(i)) break;
      entry.assigned = true;
      entry.validated = validated_[line].test(i);
      get_owner(line, i, entry);
      break;
    }
    default:
      break;
  }
  return true;
}

void Rmp::get_owner(uint32_t line, uint32_t in_block, RmpEntry& entry) const {
  const Owners& owners = owners_[line];
  entry.asid = owners.asid;
  switch (owners.form) {
    case Form::kRun:
      entry.gfn = {owners.base_gfn + in_block};
      break;
    case Form::kNarrow:
      entry.gfn = {owners.base_gfn | narrow_owners_[owners.number].gfn_of_page[in_block]};
      break;
    case Form::kWide: {
      const uint64_t packed = wide_owners_[owners.number].of_page[in_block];
      entry.asid = static_cast<uint16_t>(packed >> 48);
      entry.gfn = {packed & kGfnBits};
      break;
    }
  }
}

uint32_t Rmp::open_line(uint64_t block) {
  words_.expect(block);
  if (kind(words_[block]) == kLine) return line_of(block);
  const uint32_t line = lines_.take();
  assigned_.expect(line);
  owners_.expect(line);
  words_[block] = kLine | uint64_t{line} << 16;
  return line;
}

void Rmp::close_line_if_empty(uint64_t block) {
  const uint32_t line = line_of(block);
  if (!assigned_[line].none()) return;
  Owners& owners = owners_[line];
  if (owners.form == Form::kNarrow) narrow_numbers_.give(owners.number);
  if (owners.form == Form::kWide) wide_numbers_.give(owners.number);
  owners = Owners{};
  lines_.give(line);
  words_[block] = kNone;
}

// All gfns of a run of owners agree above 32 bits. REQUIRES: a page is assigned.
bool Rmp::fits_narrow(uint32_t line) const {
  const Bitmap512& assigned = assigned_[line];
  const uint64_t base = owners_[line].base_gfn;
  uint32_t last = assigned.next_set(0);
  const uint64_t high = (base + last) & ~kLow;
  for (uint32_t i = last; i < kBlockPages; i = assigned.next_set(i + 1)) last = i;
  return ((base + last) & ~kLow) == high;
}

// Turns a run of owners into 4 bytes a page. REQUIRES: fits_narrow.
[[gnu::noinline]] void Rmp::narrow(uint32_t line) {
  Owners& owners = owners_[line];
  const uint32_t number = narrow_numbers_.take();
  narrow_owners_.expect(number);
  NarrowOwners& array = narrow_owners_[number];
  for (uint32_t i = 0; i < kBlockPages; ++i) array.gfn_of_page[i] = static_cast<uint32_t>(owners.base_gfn + i);
  // Of an assigned page: gfns of the others mean nothing.
  owners.base_gfn = (owners.base_gfn + assigned_[line].next_set(0)) & ~kLow;
  owners.form = Form::kNarrow;
  owners.number = number;
}

// Turns either of the smaller forms into a word a page.
[[gnu::noinline]] void Rmp::widen(uint32_t line) {
  Owners& owners = owners_[line];
  const uint32_t number = wide_numbers_.take();
  wide_owners_.expect(number);
  for (uint32_t i = 0; i < kBlockPages; ++i) {
    RmpEntry entry;
    get_owner(line, i, entry);
    wide_owners_[number].of_page[i] = pack_owner(entry.gfn, entry.asid);
  }
  if (owners.form == Form::kNarrow) narrow_numbers_.give(owners.number);
  owners.form = Form::kWide;
  owners.number = number;
}

void Rmp::set_owner(uint32_t line, uint32_t in_block, Gfn gfn, uint16_t asid) {
  Owners& owners = owners_[line];
  const uint64_t base = gfn.value - in_block;
  if (owners.form == Form::kRun && owners.base_gfn == base && owners.asid == asid) return;
  set_scattered_owner(line, in_block, gfn, asid);
}

void Rmp::set_scattered_owner(uint32_t line, uint32_t in_block, Gfn gfn, uint16_t asid) {
  Owners& owners = owners_[line];
  if (owners.form == Form::kRun) {
    if (assigned_[line].none()) {
      owners.base_gfn = gfn.value - in_block;
      owners.asid = asid;
      return;
    }
    fits_narrow(line) ? narrow(line) : widen(line);
  }
  if (owners.form == Form::kNarrow) {
    if (owners.asid == asid && (gfn.value & ~kLow) == owners.base_gfn) {
      narrow_owners_[owners.number].gfn_of_page[in_block] = static_cast<uint32_t>(gfn.value);
      return;
    }
    widen(line);
  }
  wide_owners_[owners.number].of_page[in_block] = pack_owner(gfn, asid);
}

RmpCode Rmp::make_private_4k(Pfn pfn, Gfn gfn, uint16_t asid) {
  const uint64_t block = pfn.block();
  if (!fits(gfn)) return RmpCode::kFailInput;
  if (const RmpCode code = reach(block, RmpCode::kFailOverlap); code != RmpCode::kOk) return code;
  if (kind(words_[block]) == kHuge) return RmpCode::kFailOverlap;
  const uint32_t line = open_line(block);
  const uint32_t i = pfn.in_block();
  set_owner(line, i, gfn, asid);
  Bitmap512& assigned = assigned_[line];
  // Where it was assigned before; elsewhere the bit is clear, and its memory may never have been touched.
  if (assigned.test(i)) validated_[line].clear(i);
  assigned.set(i);
  return RmpCode::kOk;
}

RmpCode Rmp::make_shared_4k(Pfn pfn) {
  const uint64_t block = pfn.block();
  if (const RmpCode code = reach(block, RmpCode::kFailOverlap); code != RmpCode::kOk) return code;
  switch (kind(words_[block])) {
    case kHuge:
      return RmpCode::kFailOverlap;
    case kLine: {
      const uint32_t line = line_of(block);
      assigned_[line].clear(pfn.in_block());
      if (validated_[line].test(pfn.in_block())) validated_[line].clear(pfn.in_block());
      close_line_if_empty(block);
      break;
    }
    default:
      break;
  }
  return RmpCode::kOk;
}

RmpCode Rmp::make_shared_2m(Pfn first) {
  const uint64_t block = first.block();
  if (first.in_block() != 0) return RmpCode::kFailInput;
  if (const RmpCode code = reach(block, RmpCode::kFailOverlap); code != RmpCode::kOk) return code;
  if (kind(words_[block]) == kLine) return RmpCode::kFailOverlap;
  words_[block] = kNone;
  return RmpCode::kOk;
}

RmpCode Rmp::psmash(Pfn first) {
  const uint64_t block = first.block();
  if (first.in_block() != 0) return RmpCode::kFailInput;
  if (const RmpCode code = reach(block, RmpCode::kFailInUse); code != RmpCode::kOk) return code;
  if (kind(words_[block]) != kHuge) return RmpCode::kFailInput;
  const uint64_t word = words_[block];
  const uint32_t line = open_line(block);
  owners_[line] = {Gfn::of_block(payload(word)).value, huge_asid(word), Form::kRun, 0};
  assigned_[line].fill(true);
  if ((word & kValidated) != 0) {
    validated_.expect(line);
    validated_[line].fill(true);
  }
  return RmpCode::kOk;
}

void Rmp::set_validated(Pfn pfn) {
  uint64_t& word = words_[pfn.block()];
  if (kind(word) == kHuge) {
    word |= kValidated;
  } else {
    validated_.expect(line_of(pfn.block()));
    validated_[line_of(pfn.block())].set(pfn.in_block());
  }
}

Bitmap512 Rmp::assigned(uint64_t block) const {
  if (kind(words_[block]) == kLine) return assigned_[line_of(block)];
  Bitmap512 bits;
  bits.fill(kind(words_[block]) == kHuge);
  return bits;
}

uint64_t Rmp::metadata_bytes() const {
  return lines_.in_use() * (2 * sizeof(Bitmap512) + sizeof(Owners)) + narrow_numbers_.in_use() * sizeof(NarrowOwners) +
         wide_numbers_.in_use() * sizeof(WideOwners);
}

}  // namespace gmem
