// Asks the machine for the memory of ops that come later in a batch, so that their misses overlap instead of adding up:
// 24 ops ahead the block word, 12 ahead the line it names, 6 ahead the pfn of a scattered line. Values never depend on
// it.
//
// An op near the one before it asks for nothing: a walk in order costs one comparison an op, and the processor's own
// prefetching does the rest. Nor does an op near one of the two places its vCPU came to last: walks that take turns.
//
// Lanes look ahead at blocks that others may be changing. What is read there is a word of 4 bytes, old or new, and
// either names a line that there is.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "core/lane.h"
#include "core/objects.h"
#include "core/units.h"
#include "spec.gen.h"

namespace gmem {

class Lookahead {
 public:
  static constexpr uint32_t kDistance = 24;  // ops from the first stage to the op itself

  // `vms` by number, as many as there can be; the ops are the lane's.
  Lookahead(const std::vector<std::unique_ptr<Vm>>& vms, const Lane& lane) : vms_(vms), lane_(lane) {}

  // Before op number `at`: `coming` is kDistance ops away from it, and comes after `before`.
  [[gnu::always_inline]] inline void look(uint64_t at, const spec::OpRecord& coming, const spec::OpRecord& before) {
    const bool far = !near(coming.address, before.address) && !goes_on(coming);
    if (far || at < busy_until_) [[unlikely]]
      stages(at, far ? &coming : nullptr);
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
  static constexpr size_t kWalkers = 16;

  struct Coming {
    const PageMap* pages = nullptr;
    Index index{0};
    uint64_t at = ~uint64_t{0};
  };
  // Where a vCPU came to, from afar, the last two times.
  struct Places {
    double last = std::numeric_limits<double>::infinity();
    double before = std::numeric_limits<double>::infinity();
  };

  static bool near(double address, double other) { return std::fabs(address - other) < kNearBytes; }
  // Whether the op, which is far from the one before it, is near where its vCPU was.
  bool goes_on(const spec::OpRecord& op) {
    Places& places = places_[op.vcpu % kWalkers];
    const bool at_last = near(op.address, places.last);
    const bool at_before = near(op.address, places.before);
    if (!at_last) places.before = places.last;
    places.last = op.address;
    return at_last || at_before;
  }
  // What is due before op `at` of what was begun, and the first stage of `begun` unless that is nullptr.
  void stages(uint64_t at, const spec::OpRecord* begun);
  void begin(uint64_t at, const spec::OpRecord& op);

  const std::vector<std::unique_ptr<Vm>>& vms_;
  const Lane& lane_;
  Places places_[kWalkers];
  Coming coming_[kRing];
  uint64_t busy_until_ = 0;
};

// Slots or files may be gone after the op.
inline bool ends_objects(const spec::OpRecord& op) {
  using spec::OpKind;
  constexpr auto bit = [](OpKind kind) { return uint64_t{1} << static_cast<uint32_t>(kind); };
  constexpr uint64_t kKinds = bit(OpKind::kBind) | bit(OpKind::kClose) | bit(OpKind::kDestroy);
  static_assert(spec::kOpKinds <= 64);
  // Of a kind that does not exist the answer may be yes, which costs a little; a kind that ends objects is never
  // missed.
  return (kKinds >> (op.kind & 63) & 1) != 0;
}

}  // namespace gmem
