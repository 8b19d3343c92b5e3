#include "core/rmp.h"

namespace gmem {

Rmp::Rmp(Pages total)
    : blocks_(total.value >> kBlockShift),
      words_(blocks_),
      assigned_(blocks_),
      validated_(blocks_),
      owners_(blocks_),
      scatter_owners_(blocks_) {}

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
      const RunOwner& owner = owners_[line];
      entry.assigned = true;
      entry.validated = validated_[line].test(i);
      if (owner.scatter == kNoScatter) {
        entry.asid = owner.asid;
        entry.gfn = {owner.base_gfn + i};
      } else {
        const uint64_t packed = scatter_owners_[owner.scatter - 1].of_page[i];
        entry.asid = static_cast<uint16_t>(packed >> 48);
        entry.gfn = {packed & ((uint64_t{1} << 48) - 1)};
      }
      break;
    }
    default:
      break;
  }
  return true;
}

uint32_t Rmp::open_line(uint64_t block) {
  if (kind(words_[block]) == kLine) return line_of(block);
  const uint32_t line = lines_.take();
  words_[block] = kLine | uint64_t{line} << 16;
  return line;
}

void Rmp::close_line_if_empty(uint64_t block) {
  const uint32_t line = line_of(block);
  if (!assigned_[line].none()) return;
  validated_[line].fill(false);
  RunOwner& owner = owners_[line];
  if (owner.scatter != kNoScatter) scatters_.give(owner.scatter - 1);
  owner = RunOwner{};
  lines_.give(line);
  words_[block] = kNone;
}

// Turns a run of owners into a word a page. Kept out of the common path.
[[gnu::noinline]] void Rmp::scatter(uint32_t line) {
  RunOwner& owner = owners_[line];
  const uint32_t number = scatters_.take();
  ScatterOwners& owners = scatter_owners_[number];
  const Bitmap512& assigned = assigned_[line];
  for (uint32_t i = assigned.next_set(0); i < kBlockPages; i = assigned.next_set(i + 1)) {
    owners.of_page[i] = pack_owner(Gfn{owner.base_gfn + i}, owner.asid);
  }
  owner.scatter = number + 1;
}

void Rmp::set_owner(uint32_t line, uint32_t in_block, Gfn gfn, uint16_t asid) {
  RunOwner& owner = owners_[line];
  if (owner.scatter == kNoScatter) {
    const uint64_t base = gfn.value - in_block;
    if (assigned_[line].none()) {
      owner.base_gfn = base;
      owner.asid = asid;
    } else if (owner.base_gfn != base || owner.asid != asid) {
      scatter(line);
    }
  }
  if (owner.scatter != kNoScatter) scatter_owners_[owner.scatter - 1].of_page[in_block] = pack_owner(gfn, asid);
}

RmpCode Rmp::make_private_4k(Pfn pfn, Gfn gfn, uint16_t asid) {
  const uint64_t block = pfn.block();
  if (block >= blocks_) return RmpCode::kFailInput;
  if (kind(words_[block]) == kHuge) return RmpCode::kFailOverlap;
  const uint32_t line = open_line(block);
  const uint32_t i = pfn.in_block();
  set_owner(line, i, gfn, asid);
  assigned_[line].set(i);
  validated_[line].clear(i);
  return RmpCode::kOk;
}

RmpCode Rmp::make_private_2m(Pfn first, Gfn gfn, uint16_t asid) {
  const uint64_t block = first.block();
  if (block >= blocks_ || first.in_block() != 0 || gfn.in_block() != 0) return RmpCode::kFailInput;
  if (kind(words_[block]) == kLine) return RmpCode::kFailOverlap;
  words_[block] = kHuge | uint64_t{asid} << 4 | gfn.block() << 16;
  return RmpCode::kOk;
}

RmpCode Rmp::make_shared_4k(Pfn pfn) {
  const uint64_t block = pfn.block();
  if (block >= blocks_) return RmpCode::kFailInput;
  switch (kind(words_[block])) {
    case kHuge:
      return RmpCode::kFailOverlap;
    case kLine: {
      const uint32_t line = line_of(block);
      assigned_[line].clear(pfn.in_block());
      validated_[line].clear(pfn.in_block());
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
  if (block >= blocks_ || first.in_block() != 0) return RmpCode::kFailInput;
  if (kind(words_[block]) == kLine) return RmpCode::kFailOverlap;
  words_[block] = kNone;
  return RmpCode::kOk;
}

RmpCode Rmp::psmash(Pfn first) {
  const uint64_t block = first.block();
  if (block >= blocks_ || first.in_block() != 0 || kind(words_[block]) != kHuge) return RmpCode::kFailInput;
  const uint64_t word = words_[block];
  const uint32_t line = open_line(block);
  owners_[line] = {Gfn::of_block(payload(word)).value, huge_asid(word), kNoScatter};
  assigned_[line].fill(true);
  validated_[line].fill((word & kValidated) != 0);
  return RmpCode::kOk;
}

void Rmp::set_validated(Pfn pfn) {
  uint64_t& word = words_[pfn.block()];
  if (kind(word) == kHuge) {
    word |= kValidated;
  } else {
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
  return lines_.in_use() * (2 * sizeof(Bitmap512) + sizeof(RunOwner)) + scatters_.in_use() * sizeof(ScatterOwners);
}

}  // namespace gmem
