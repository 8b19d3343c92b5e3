#include "core/objects.h"

#include <algorithm>

namespace gmem {

size_t Vm::first_slot_above(Gfn gfn) const {
  const auto it =
      std::partition_point(by_gfn.begin(), by_gfn.end(), [&](const Slot* slot) { return slot->gfns.end <= gfn; });
  return static_cast<size_t>(it - by_gfn.begin());
}

Slot* Vm::slot_at(Gfn gfn) const {
  const size_t position = first_slot_above(gfn);
  return position < by_gfn.size() && by_gfn[position]->gfns.contains(gfn) ? by_gfn[position] : nullptr;
}

}  // namespace gmem
