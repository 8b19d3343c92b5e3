// What one thread of execution keeps to itself while it runs ops: its counts, and the slot it met last.
//
// The fault path writes to the lane it is given and never to counters of the engine. Serial ops run on the engine's own
// lane, which holds the totals.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/objects.h"
#include "spec.gen.h"

namespace gmem {

struct Lane {
  static constexpr size_t kErrnos = 256;

  uint64_t counters[spec::kCounters] = {};
  uint64_t errors[kErrnos] = {};
  uint64_t host_pages = 0;
  uint64_t copy_pages = 0;
  uint64_t unsplit_huge = 0;  // pool folios as they came
  uint64_t split_huge = 0;    // pool pages whose folio is split

  // The slot of the gfn, or nullptr; the one this lane met last in the VM is looked at first.
  Slot* slot_at(const Vm& vm, Gfn gfn) {
    Met& met = met_[reinterpret_cast<uintptr_t>(&vm) / alignof(Vm) % kMet];
    if (met.vm == &vm && met.slot->gfns.contains(gfn)) return met.slot;
    return search(vm, gfn, met);
  }
  // A slot is gone.
  void forget_slots() {
    for (Met& met : met_) met = Met{};
  }

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

 private:
  struct Met {
    const Vm* vm = nullptr;
    Slot* slot = nullptr;
  };
  static constexpr size_t kMet = 4;

  [[gnu::noinline]] static Slot* search(const Vm& vm, Gfn gfn, Met& met) {
    Slot* slot = vm.slot_at(gfn);
    if (slot != nullptr) met = {&vm, slot};
    return slot;
  }

  Met met_[kMet] = {};
};

}  // namespace gmem
