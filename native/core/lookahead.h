// Asks the machine for the memory of ops that come later in a batch, so that their misses overlap instead of adding up:
// 24 ops ahead the block word, 12 ahead the line it names, 6 ahead the pfn of a scattered line. Values never depend on
// it.
//
// An op near the one before it asks for nothing: a walk in order costs one comparison an op, and the processor's own
// prefetching does the rest.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/lane.h"
#include "core/objects.h"
#include "core/quantity.h"
#include "core/units.h"
#include "spec.gen.h"

namespace gmem {

class Lookahead {
 public:
  static constexpr uint64_t kDistance = 24;  // ops from the first stage to the op itself

  // Whether ops[at], which comes next, is the time for step(at).
  bool due(uint64_t at, const spec::OpRecord* ops, uint64_t end) const {
    if (end - at <= kDistance) return false;
    const spec::OpRecord* coming = ops + at + kDistance;
    return std::fabs(coming[0].address - coming[-1].address) >= kNearBytes || at < busy_until_;
  }
  // `op` is ops[at + kDistance]; `vm` is where it names a page, or nullptr: then nothing new is asked for, only what is
  // under way goes on.
  [[gnu::always_inline]] inline void step(uint64_t at, const Lane& lane, const spec::OpRecord& op, const Vm* vm) {
    if (vm != nullptr) first_stage(at, lane, *vm, Gfn{static_cast<uint64_t>(quantity(op.address)) >> kPageShift});
    if (at < kPfnStage) return;
    const Coming& line = coming_[(at - kLineStage) % kRing];
    if (line.at == at - kLineStage) line.pages->prefetch_line(line.index);
    const Coming& pfn = coming_[(at - kPfnStage) % kRing];
    if (pfn.at == at - kPfnStage) pfn.pages->prefetch_pfn(pfn.index);
  }
  // Objects may be gone: what is under way is dropped.
  void forget() {
    for (Coming& coming : coming_) coming = Coming{};
  }

 private:
  static constexpr uint64_t kRing = 32;
  static constexpr uint64_t kLineStage = 12;  // ops after the first stage
  static constexpr uint64_t kPfnStage = 18;
  static constexpr double kNearBytes = 32.0 * kBlockBytes;  // two cache lines of block words

  struct Coming {
    const PageMap* pages = nullptr;
    Index index{0};
    uint64_t at = ~uint64_t{0};
  };

  [[gnu::always_inline]] inline void first_stage(uint64_t at, const Lane& lane, const Vm& vm, Gfn gfn) {
    const Slot* slot = lane.met(vm, gfn);
    if (slot == nullptr) return;
    const Index index = slot->index_of(gfn);
    const File& file = *slot->file;
    if (file.changed_kinds) {
      file.changed_kinds->prefetch(index.block());
    } else {
      slot->kinds.prefetch(gfn.block());
    }
    file.pages.prefetch_word(index.block());
    coming_[at % kRing] = {&file.pages, index, at};
    busy_until_ = at + kPfnStage + 1;
  }

  Coming coming_[kRing];
  uint64_t busy_until_ = 0;
};

// Slots or files may be gone after the op.
inline bool ends_objects(const spec::OpRecord& op) {
  using spec::OpKind;
  constexpr auto bit = [](OpKind kind) { return uint64_t{1} << static_cast<uint32_t>(kind); };
  constexpr uint64_t kKinds = bit(OpKind::kBind) | bit(OpKind::kClose) | bit(OpKind::kDestroy);
  static_assert(spec::kOpKinds <= 64);
  // A record may hold any kind: of one that does not exist this says something or other.
  return (kKinds >> (op.kind & 63) & 1) != 0;
}

}  // namespace gmem
