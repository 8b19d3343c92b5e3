// Batches short enough for whoever waits for their end: what ops may take is told by the bytes they name, and where
// that says too little, by the clock (docs/threads.md, From JavaScript).
#include <algorithm>
#include <chrono>

#include "core/engine.h"

namespace gmem {

namespace {
using spec::OpKind;

// What ops may name together before somebody should be able to end them: 4K faults of as much take about 25 ms.
constexpr double kLongBytes = 1024.0 * 1024 * 1024;
// How many times bytes count that are really moved.
constexpr double kMovedWeight = 16;
// A range of gfns of one kind costs as much as four pages.
constexpr double kRangeBytes = 4.0 * kPageBytes;

// What the op names is told by objects that ops before it may make or change.
bool named_by_objects(const spec::OpRecord& op) {
  const auto kind = static_cast<OpKind>(op.kind);
  return kind == OpKind::kClose || kind == OpKind::kDestroy || kind == OpKind::kBind;
}
}  // namespace

// Bytes an op names, those of a close being the file's; 0 for ops whose time does not follow them. Bytes that are
// really moved count for more.
double Engine::named_bytes(const spec::OpRecord& op) const {
  const double size = op.size > 0 ? op.size : 0;
  switch (static_cast<OpKind>(op.kind)) {
    case OpKind::kGuestRead:
    case OpKind::kGuestWrite:
    case OpKind::kHostRead:
    case OpKind::kHostWrite:
    case OpKind::kVmmRead:
    case OpKind::kVmmWrite:
    case OpKind::kPopulate:
      return arena_.enabled() ? kMovedWeight * size : size;
    case OpKind::kTouch:
    case OpKind::kFallocate:
    case OpKind::kPin:
    case OpKind::kUnpin:
    case OpKind::kPunch:
    case OpKind::kConvert:
    case OpKind::kAttributes:
      return size;
    // At most 12 us a 2M block, mostly far less.
    case OpKind::kSplit:
    case OpKind::kMerge:
      return size / 4;
    // About 100 ns a run of free frames.
    case OpKind::kPressure:
      return static_cast<double>(host_total_.bytes()) / (op.arg == kOrder4k ? 1 : 256);
    // Each page of a folio that cannot be split.
    case OpKind::kPoison:
      return static_cast<double>(Pages{uint64_t{1} << huge_order_}.bytes()) / 2;
    case OpKind::kBind: {
      const Vm* vm = op.vm < vms_.size() ? vms_[op.vm].get() : nullptr;
      if (vm == nullptr) return 0;
      if (size > 0) return kRangeBytes * static_cast<double>(vm->changed_kinds.size());
      const auto slot = vm->slots.find(op.arg);
      return slot == vm->slots.end() ? 0 : bytes_of(*slot->second);
    }
    case OpKind::kDestroy: {
      const Vm* vm = op.vm < vms_.size() ? vms_[op.vm].get() : nullptr;
      return vm == nullptr || vm->open_files != 0 ? 0 : bytes_of_slots(*vm);
    }
    case OpKind::kClose: {
      const File* file = open_file(op.gmem);
      if (file == nullptr) return 0;
      const Vm& vm = *vms_[file->vm];
      const bool last = vm.destroyed && vm.open_files == 1;
      return static_cast<double>(file->size.bytes()) + (last ? bytes_of_slots(vm) : 0);
    }
    default:
      return 0;
  }
}

// Of a slot that goes: its own, and those of a closed file whose copies may go with it.
double Engine::bytes_of(const Slot& slot) {
  const File& file = *slot.file;
  return static_cast<double>(slot.gfns.size().bytes() + (file.open ? 0 : file.size.bytes()));
}

double Engine::bytes_of_slots(const Vm& vm) {
  double bytes = 0;
  for (const auto& [number, slot] : vm.slots) bytes += bytes_of(*slot);
  return bytes;
}

// The same for what comes after the op that is `later` ops from now, that one included: merges that are put off come
// after the op they are due at, many after one perhaps. `merge`: the first that was not told yet.
double Engine::due_bytes(uint64_t later, DeferredMerges::Place& merge) const {
  const double each = static_cast<double>(Pages{uint64_t{1} << huge_order_}.bytes()) /
                      (knobs_.promote == spec::Promote::kNone ? 64 : 2);
  double bytes = 0;
  for (; bytes < kLongBytes && merge != deferred_.waiting().end() && merge->due <= ops_run_ + later; ++merge) {
    bytes += each;
  }
  return bytes;
}

bool Engine::takes_long(const spec::OpRecord& op) const {
  auto merge = deferred_.waiting().begin();
  return named_bytes(op) + due_bytes(1, merge) >= kLongBytes;
}

uint64_t Engine::run_until_long(const spec::OpRecord* ops, uint64_t count_of_ops, Outcome* outcomes) {
  const auto begin = std::chrono::steady_clock::now();
  uint64_t until = 0;
  double named = 0;
  for (uint64_t from = 0;; from = until) {
    auto merge = deferred_.waiting().begin();
    const uint64_t until_due = deferred_.ops_until_due(ops_run_);
    for (; until < count_of_ops && named < kLongBytes; ++until) {
      const spec::OpRecord& op = ops[until];
      const uint64_t later = until - from + 1;
      // Most ops by far.
      if (static_cast<OpKind>(op.kind) == OpKind::kTouch && op.size >= 0 &&
          op.size <= static_cast<double>(kPageBytes) && later < until_due) [[likely]] {
        named += op.size;
        continue;
      }
      if (until != from && named_by_objects(op)) break;
      const double more = named_bytes(op) + due_bytes(later, merge);
      if (more >= kLongBytes) break;
      named += more;
    }
    if (until == from) return until;
    Outcome* const into = outcomes != nullptr ? outcomes + from : nullptr;
    const uint64_t ran = run_for(ops + from, until - from, into, kLongTime);
    if (ran < until - from || std::chrono::steady_clock::now() - begin >= kLongTime) return from + ran;
  }
}

}  // namespace gmem
