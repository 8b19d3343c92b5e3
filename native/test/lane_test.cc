// The slot a lane met last, as ops ask for it: by any number of a VM and any address a record can hold.
#include "core/lane.h"

#include <limits>

#include "core/page_lines.h"
#include "test/test.h"

namespace gmem {
namespace {

constexpr uint64_t kPages = 4 * kBlockPages;
constexpr auto kFirst = static_cast<double>(kPages * kPageBytes);
constexpr auto kEnd = static_cast<double>(2 * kPages * kPageBytes);

// VM 5 with a slot over gfns [kPages, 2 * kPages).
struct Guest {
  PageLines lines{1 << 10};
  FlagLines flags;
  File file{lines, 0, 1, 5, Pages{kPages}, false, false, true, Growth::kWithUse};
  Slot slot{flags, 0, {Gfn{kPages}, Gfn{2 * kPages}}, file, Index{0}};
  Vm vm{5};
  Lane lane;

  Guest() {
    vm.runs = true;
    vm.by_gfn.push_back(&slot);
    CHECK(lane.slot_at(vm, Gfn{kPages + 7}) == &slot);
  }
};

TEST(lane_knows_the_slot_it_met_by_its_bounds) {
  Guest guest;
  for (const double gpa : {kFirst, kFirst + 0.5, kEnd - 1, kEnd - 0.5}) {
    CHECK(guest.lane.running_slot(5, gpa) == &guest.slot);
  }
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double gpa :
       {kFirst - 1, kEnd, 0.0, -0.0, -kFirst, 1e300, kInfinity, -kInfinity, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(guest.lane.running_slot(5, gpa) == nullptr);
  }
  // Others in the same place of its memory, and one it never met.
  for (const uint32_t vm : {1U, 9U, ~0U - 2, 0U, ~0U}) CHECK(guest.lane.running_slot(vm, kFirst) == nullptr);
}

TEST(lane_asks_whether_the_vm_still_runs) {
  Guest guest;
  guest.vm.runs = false;
  CHECK(guest.lane.running_slot(5, kFirst) == nullptr);
  guest.vm.runs = true;
  CHECK(guest.lane.running_slot(5, kFirst) == &guest.slot);
}

// A slot whose end comes down (Engine::give_kinds_back) is forgotten first, and met again with the bounds it has then.
TEST(lane_forgets_bounds) {
  Guest guest;
  guest.lane.forget_slots();
  CHECK(guest.lane.running_slot(5, kFirst) == nullptr);
  guest.slot.gfns.end = Gfn{kPages + kBlockPages};
  CHECK(guest.lane.slot_at(guest.vm, Gfn{2 * kPages - 1}) == nullptr);
  CHECK(guest.lane.slot_at(guest.vm, Gfn{kPages}) == &guest.slot);
  CHECK(guest.lane.running_slot(5, kFirst) == &guest.slot);
  CHECK(guest.lane.running_slot(5, kEnd - 1) == nullptr);
}

}  // namespace
}  // namespace gmem
