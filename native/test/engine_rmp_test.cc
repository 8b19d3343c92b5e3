// RMPUPDATE and PSMASH as the kernel issues them (engine_rmp.cc): an overlap that is real fails at once, whoever else
// is busy; when the fast paths of the first fault are off; what the switch takes.
#include <cmath>
#include <limits>
#include <string>

#include "test/host.h"
#include "test/private_access.h"
#include "test/test.h"

namespace gmem {

GMEM_EXPOSE(TableOf, Engine, rmp_);
GMEM_EXPOSE(LaneOf, Engine, lane_);
GMEM_EXPOSE(FreshPagesOf, Engine, fresh_pages_);
GMEM_EXPOSE(FreshBlocksOf, Engine, fresh_blocks_);
GMEM_EXPOSE(Assign4kOf, Engine, assign_4k);
GMEM_EXPOSE(Assign2mOf, Engine, assign_2m);
GMEM_EXPOSE(Reassign2mOf, Engine, reassign_2m);
GMEM_EXPOSE(MakeSharedOf, Engine, make_shared);
GMEM_EXPOSE(SmashOf, Engine, smash);

namespace {

using spec::Counter;
using spec::OpKind;
using test::Host;
using test::k2M;
using test::kPage;

spec::OutcomeRecord set(Host& host, spec::Switch key, double value, double after = 0) {
  spec::OpRecord op = Host::record(OpKind::kSet);
  op.arg = static_cast<uint32_t>(key);
  op.extra = value;
  op.size = after;
  return host.run(op);
}

struct Guest : Host {
  Guest() : Host(test::options(test::knobs_2m(), spec::Arch::kSnp)) {
    create(0, 8 * k2M);
    bind(0, 0, 8 * k2M, 0);
  }
  Rmp& table() { return engine.*private_member(TableOf{}); }
  Lane& lane() { return engine.*private_member(LaneOf{}); }
  bool fresh() { return engine.*private_member(FreshPagesOf{}) && engine.*private_member(FreshBlocksOf{}); }
  bool none_fresh() { return !(engine.*private_member(FreshPagesOf{}) || engine.*private_member(FreshBlocksOf{})); }
  double failed() const { return counter(Counter::kRmpupdateFailed); }
};

// Frames of the last blocks, which belong to no file.
constexpr Pfn kSmall = Pfn::of_block(30);
constexpr Pfn kHuge = Pfn::of_block(31);

TEST(an_overlap_that_is_real_fails_at_once) {
  for (const uint32_t held : {0U, 1U, 5U, 16U, 1024U}) {
    Guest guest;
    Engine& engine = guest.engine;
    guest.table().make_private_4k(kSmall + Pages{3}, Gfn::of_block(5), 1);
    guest.table().make_private_2m(kHuge, Gfn::of_block(6), 1);
    guest.table().hold(held, 0);
    const auto assign_2m = private_member(Assign2mOf{});
    CHECK(!(engine.*assign_2m)(guest.lane(), kSmall, Gfn::of_block(7), 1));
    CHECK_EQ(guest.failed(), 1.0);
    const auto assign_4k = private_member(Assign4kOf{});
    CHECK(!(engine.*assign_4k)(guest.lane(), kHuge + Pages{9}, Gfn::of_block(7), 1));
    CHECK_EQ(guest.failed(), 2.0);
    // Not even who never gives up goes on.
    (engine.*private_member(Reassign2mOf{}))(guest.lane(), kSmall, Gfn::of_block(7), 1);
    CHECK_EQ(guest.failed(), 3.0);
    CHECK_EQ(guest.counter(Counter::kRmpupdate2m) + guest.counter(Counter::kRmpupdate4k), 0.0);
    RmpEntry entry;
    CHECK(guest.table().lookup(kSmall, entry));
    CHECK(!entry.assigned);
    CHECK(guest.table().lookup(kHuge + Pages{9}, entry));
    CHECK(entry.huge && entry.gfn == Gfn::of_block(6, 9));
  }
}

// Another refusal does not pass either.
TEST(an_update_refused_for_its_arguments_is_not_tried_again) {
  Guest guest;
  const auto assign_2m = private_member(Assign2mOf{});
  guest.table().hold(1024, 0);
  CHECK(!(guest.engine.*assign_2m)(guest.lane(), kSmall + Pages{1}, Gfn::of_block(7), 1));
  CHECK_EQ(guest.failed(), 1.0);
}

TEST(who_gives_up_and_who_does_not) {
  Guest guest;
  Engine& engine = guest.engine;
  guest.table().hold(17, 0);
  const auto assign_2m = private_member(Assign2mOf{});
  CHECK(!(engine.*assign_2m)(guest.lane(), kHuge, Gfn::of_block(7), 1));
  CHECK_EQ(guest.failed(), 16.0);
  CHECK((engine.*assign_2m)(guest.lane(), kHuge, Gfn::of_block(7), 1));
  CHECK_EQ(guest.failed(), 17.0);
  CHECK(!guest.table().busy());

  guest.table().hold(1000, 0);
  (engine.*private_member(SmashOf{}))(kHuge + Pages{77});
  CHECK_EQ(guest.counter(Counter::kPsmashFailed), 1000.0);
  CHECK_EQ(guest.counter(Counter::kPsmash), 1.0);
  guest.table().hold(1000, 0);
  (engine.*private_member(MakeSharedOf{}))(guest.lane(), kHuge + Pages{77});
  CHECK_EQ(guest.failed(), 1017.0);
  guest.table().hold(1000, 0);
  (engine.*private_member(Reassign2mOf{}))(guest.lane(), kSmall, Gfn::of_block(7), 1);
  CHECK_EQ(guest.failed(), 2017.0);
  CHECK_EQ(guest.counter(Counter::kRmpupdate2m), 2.0);
}

TEST(first_faults_go_the_long_way_while_the_rmp_is_busy) {
  Guest guest;
  CHECK(guest.fresh());
  CHECK_EQ(set(guest, spec::Switch::kRmpBusy, 3, 1).errno_number, 0);
  CHECK(guest.none_fresh());
  CHECK_EQ(guest.fault(0, true).errno_number, 0);
  CHECK(guest.none_fresh());
  // The last attempt that is held up brings them back.
  CHECK_EQ(guest.fault(k2M, true).errno_number, 0);
  CHECK(guest.fresh());
  CHECK_EQ(guest.failed(), 3.0);
  CHECK_EQ(guest.counter(Counter::kFaults2m), 2.0);
  // So does the switch, and an attempt of PSMASH.
  set(guest, spec::Switch::kRmpBusy, 1024);
  CHECK(guest.none_fresh());
  set(guest, spec::Switch::kRmpBusy, 0, 1024);
  CHECK(guest.fresh());
  set(guest, spec::Switch::kRmpBusy, 1);
  CHECK_EQ(guest.convert(5 * kPage, kPage, false).errno_number, 0);
  CHECK_EQ(guest.counter(Counter::kPsmashFailed), 1.0);
  CHECK(guest.fresh());
  CHECK(guest.engine.verify().empty());

  // Designs that never had them do not get them this way.
  spec::Knobs early = test::in_place(test::knobs_2m());
  early.preparedness = spec::Preparedness::kStateEarly;
  Host other(test::options(early, spec::Arch::kSnp));
  set(other, spec::Switch::kRmpBusy, 1);
  set(other, spec::Switch::kRmpBusy, 0);
  CHECK(!(other.engine.*private_member(FreshPagesOf{})));
}

TEST(what_a_switch_takes) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double bad[] = {-1, 0.5, 1025, 1e300, kNan, kInfinity, -kInfinity};
  Guest guest;
  set(guest, spec::Switch::kRmpBusy, 2);
  for (const double value : bad) {
    CHECK_EQ(set(guest, spec::Switch::kRmpBusy, value).errno_number, spec::kEINVAL);
    CHECK_EQ(set(guest, spec::Switch::kRmpBusy, 1, value).errno_number, spec::kEINVAL);
    CHECK_EQ(set(guest, spec::Switch::kHugepages, value).errno_number, spec::kEINVAL);
    CHECK_EQ(set(guest, spec::Switch::kHugepages, 1, value).errno_number, spec::kEINVAL);
    CHECK_EQ(set(guest, static_cast<spec::Switch>(2), value).errno_number, spec::kEINVAL);
  }
  CHECK_EQ(set(guest, spec::Switch::kHugepages, 3).errno_number, spec::kEINVAL);
  CHECK_EQ(set(guest, spec::Switch::kHugepages, 1, 1).errno_number, spec::kEINVAL);
  // What was refused has changed nothing.
  CHECK_EQ(guest.fault(0, true).errno_number, 0);
  CHECK_EQ(guest.failed(), 2.0);
  CHECK_EQ(guest.counter(Counter::kFaults2m), 1.0);
  for (const spec::Arch arch : {spec::Arch::kNone, spec::Arch::kTdx}) {
    Host other(test::options(test::knobs_2m(), arch));
    for (const double value : {0.0, 1.0, kNan}) {
      CHECK_EQ(set(other, spec::Switch::kRmpBusy, value).errno_number, spec::kEOPNOTSUPP);
    }
    CHECK_EQ(set(other, spec::Switch::kHugepages, 2).errno_number, 0);
  }
}

}  // namespace
}  // namespace gmem
