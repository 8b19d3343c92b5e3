// What one thread of execution keeps to itself while it runs ops: its counts, the slot it met last, and, where other
// lanes run beside it, what it needs to go without them: a reserve of frames, and why it had to stop.
//
// The fault path writes to the lane it is given and never to counters of the engine. Serial ops run on the engine's own
// lane, which holds the totals; what other lanes counted is added to it when they have come together (absorb).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/frame_reserve.h"
#include "core/objects.h"
#include "core/sync.h"
#include "spec.gen.h"

namespace gmem {

using spec::kLockKinds;
using spec::LockKind;

// The locks of an engine whose lanes run side by side; those of a file or VM are its own.
struct LaneLocks {
  StripedLock blocks;
  StripedLock rmp;
  alignas(kNoSharingBytes) SpinLock frames;
};

struct alignas(kNoSharingBytes) Lane {
  static constexpr size_t kErrnos = 256;
  enum class Stop : uint8_t {
    kNo,
    kStall,  // this needs to be alone: nothing was changed by the page that found out
    kAbort,  // somebody wants the run to end
  };

  uint64_t counters[spec::kCounters] = {};
  uint64_t errors[kErrnos] = {};
  uint64_t host_pages = 0;
  uint64_t copy_pages = 0;
  uint64_t unsplit_huge = 0;  // pool folios as they came
  uint64_t split_huge = 0;    // pool pages whose folio is split

  // Where other lanes run beside this one; nullptr: it is alone and needs no lock.
  LaneLocks* locks = nullptr;
  uint32_t number = 0;
  bool may_allocate = true;  // no allocation of this epoch can be refused
  bool may_write = true;     // no write of this epoch can exceed the resident limit
  Stop stop = Stop::kNo;
  const std::atomic<bool>* abort = nullptr;
  SpinLock* held_block = nullptr;  // kept from op to op (BlockLock), and what it was taken for
  const File* held_file = nullptr;
  uint64_t held_unit = 0;
  uint64_t written_pages = 0;  // frames of the arena that became resident
  LockFigures lock_figures[kLockKinds];
  FrameReserve reserve;
  uint64_t reserved_total = 0;  // huge pages taken out of reservations, as far as told

  void count(spec::Counter counter, uint64_t n = 1) { counters[static_cast<size_t>(counter)] += n; }
  uint64_t value(spec::Counter counter) const { return counters[static_cast<size_t>(counter)]; }
  void peak(spec::Counter counter, uint64_t now) {
    uint64_t& most = counters[static_cast<size_t>(counter)];
    if (now > most) most = now;
  }
  void hold(uint64_t pages) {
    host_pages += pages;
    peak(spec::Counter::kHostPagesPeak, host_pages);
  }
  LockFigures& figures(LockKind kind) { return lock_figures[static_cast<size_t>(kind)]; }

  // One more of what a file counts for itself.
  void add(uint64_t& tally) const {
    if (locks == nullptr) [[likely]] {
      ++tally;
    } else {
      add_shared(tally, uint64_t{1});
    }
  }
  bool holds(const File& file, uint64_t unit) const { return held_file == &file && held_unit == unit; }
  void release_block() {
    if (held_block != nullptr) held_block->unlock();
    held_block = nullptr;
    held_file = nullptr;
  }
  // Between two ops: whoever waits for the block this lane kept has it next. Without the pause nobody would: who lets
  // go of a lock takes it again before the others have seen that it is free.
  void let_others_in() {
    if (held_block == nullptr || !held_block->wanted()) [[likely]]
      return;
    const SpinLock& wanted = *held_block;
    release_block();
    constexpr int kLooks = 256;
    for (int i = 0; i < kLooks && wanted.wanted(); ++i) relax();
  }
  // This cannot go on beside others. Always false, for the caller to return.
  bool stall() {
    stop = Stop::kStall;
    return false;
  }
  // Whether the run was told to end. Looked at between ops, and between pages of ops that have many.
  bool interrupted() {
    if (abort == nullptr || !abort->load(std::memory_order_relaxed)) return false;
    stop = Stop::kAbort;
    return true;
  }

  // A huge page of the file's reservation is taken. Told to the file when the next is of another, and at the end.
  void take_reserved(File& file) {
    if (reserved_of_ != &file) tell_reserved();
    reserved_of_ = &file;
    ++reserved_taken_;
  }
  void tell_reserved() {
    if (reserved_taken_ != 0) add_shared(reserved_of_->reserved_huge_pages, -reserved_taken_);
    reserved_total += reserved_taken_;
    reserved_taken_ = 0;
  }

  // Takes what another lane counted, which starts from nothing again. Its peaks are those of a part and mean nothing:
  // while lanes run side by side pages are only added, so that the peak is the sum at the end.
  void absorb(Lane& other);

  // The slot of the gfn, or nullptr; the one this lane met last in the VM is looked at first.
  Slot* slot_at(const Vm& vm, Gfn gfn) {
    Met& met = met_[vm.number % kMet];
    if (met.vm == &vm && met.slot->gfns.contains(gfn)) return met.slot;
    return search(vm, gfn, met);
  }
  // The slot of the gfn if it is the one this lane met last in the VM, else nullptr.
  const Slot* met(const Vm& vm, Gfn gfn) const {
    const Met& met = met_[vm.number % kMet];
    return met.vm == &vm && met.slot->gfns.contains(gfn) ? met.slot : nullptr;
  }
  // The slot of a guest-physical address as a record has it, where the VM of that number runs and it is the one this
  // lane met last in it; else nullptr, which says nothing. Any number and any address may be asked for.
  Slot* running_slot(uint32_t vm, double gpa) const {
    const Met& met = met_[vm % kMet];
    if (met.number != vm || !(gpa >= met.first_gpa && gpa < met.end_gpa) || !met.vm->runs) return nullptr;
    return met.slot;
  }
  // A slot will be gone, or end earlier.
  void forget_slots() {
    for (Met& met : met_) met = Met{};
  }

 private:
  struct Met {
    const Vm* vm = nullptr;
    Slot* slot = nullptr;
    double first_gpa = 0;  // of the slot, and behind it
    double end_gpa = 0;
    uint32_t number = 0;  // of the VM
  };
  static constexpr size_t kMet = 4;

  [[gnu::noinline]] static Slot* search(const Vm& vm, Gfn gfn, Met& met) {
    Slot* slot = vm.slot_at(gfn);
    if (slot != nullptr) {
      met = {&vm, slot, static_cast<double>(Pages{slot->gfns.first.value}.bytes()),
             static_cast<double>(Pages{slot->gfns.end.value}.bytes()), vm.number};
    }
    return slot;
  }

  Met met_[kMet] = {};
  File* reserved_of_ = nullptr;
  uint64_t reserved_taken_ = 0;
};

}  // namespace gmem
