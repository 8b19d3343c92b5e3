// Promotion and deferred merges, rule by rule (docs/semantics-tdx.md sections 24 and 25).
#include "core/engine.h"
#include "test/host.h"
#include "test/test.h"

namespace gmem {
namespace {

using spec::Counter;
using spec::OpKind;
using test::Host;
using test::k2M;
using test::kGiB;
using test::kMiB;
using test::kPage;

spec::Knobs in_place(spec::Promote promote, spec::Merge merge = spec::Merge::kEager) {
  spec::Knobs knobs = test::knobs_2m();
  knobs.conversion = spec::Conversion::kInPlace;
  knobs.shared_order = spec::SharedOrder::k4K;
  knobs.preparedness = spec::Preparedness::kNone;
  knobs.refs = spec::Refs::kFrozen;
  knobs.promote = promote;
  knobs.merge = merge;
  return knobs;
}

// Folios of 1G out of a pool.
spec::Knobs giant(spec::Knobs knobs, spec::SplitTo split_to) {
  knobs.hugepages = spec::Hugepages::k1G;
  knobs.source = spec::Source::kPool;
  knobs.fallback = false;
  knobs.punch = spec::Punch::kZero;
  knobs.split_to = split_to;
  return knobs;
}

struct Guest : Host {
  Guest(const spec::Knobs& knobs, spec::Arch arch, double size = 16 * kMiB, double memory = 64 * kMiB)
      : Host(test::options(knobs, arch, memory)) {
    create(0, size);
    bind(0, 0, size, 0);
    if (arch == spec::Arch::kNone || arch == spec::Arch::kPkvm) convert(0, size, true);
  }
  ~Guest() {
    for (const std::string& problem : engine.verify()) CHECK_EQ(problem, std::string());
  }
  void touch(double gpa, double size) { CHECK_EQ(on_vm(OpKind::kTouch, gpa, size).errno_number, 0); }
  double merge(double offset, double size, uint32_t order = kOrder2m) {
    return on_file(OpKind::kMerge, 0, offset, size, order).values[spec::kMergeMerged];
  }
  void split(double offset, double size) { CHECK_EQ(on_file(OpKind::kSplit, 0, offset, size).errno_number, 0); }
  // `n` ops that change nothing: no such file.
  void idle(int n) {
    for (int i = 0; i < n; ++i) on_file(OpKind::kPunch, 9, 0, kPage);
  }
  double merges() const { return counter(Counter::kMerges2m); }
  double level(double gpa) { return fault(gpa, true).values[spec::kFaultLevel]; }
  double code(double gpa, double size) { return on_vm(OpKind::kValidate, gpa, size).values[spec::kValidateCode]; }
};

TEST(promote_sept) {
  Guest guest(in_place(spec::Promote::kSept), spec::Arch::kTdx);
  guest.on_vm(OpKind::kGuestWrite, 0, k2M, 0x11);
  guest.convert(kPage, kPage, false);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 1.0);
  // Merged at once, but with 511 entries there is nothing to promote.
  CHECK_EQ(guest.convert(kPage, kPage, true).values[spec::kConvertMerged], 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 0.0);
  guest.touch(kPage, kPage);
  guest.split(0, k2M);
  CHECK_EQ(guest.merge(0, k2M), 1.0);
  CHECK_EQ(guest.counter(Counter::kSeptPromote), 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 1.0);
  CHECK_EQ(guest.level(0), 9.0);
  CHECK_EQ(guest.on_vm(OpKind::kGuestRead, 0, kPage).values[spec::kGuestReadByte], double{0x11});
  CHECK_EQ(guest.counter(Counter::kZaps2m) + guest.counter(Counter::kZaps4k), 1.0);
}

TEST(promote_sept_asks_for_one_acceptance) {
  Guest guest(in_place(spec::Promote::kSept), spec::Arch::kTdx);
  CHECK_EQ(guest.code(0, k2M), 0.0);
  guest.convert(kPage, kPage, false);
  guest.convert(kPage, kPage, true);
  guest.touch(0, k2M);
  guest.split(0, k2M);
  CHECK_EQ(guest.merge(0, k2M), 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 0.0);  // page 1 is pending
  CHECK_EQ(guest.code(kPage, kPage), 0.0);
  guest.split(0, k2M);
  CHECK_EQ(guest.merge(0, k2M), 1.0);
  CHECK_EQ(guest.counter(Counter::kSeptPromote), 1.0);
  CHECK_EQ(guest.code(0, k2M), 255.0);
}

TEST(promote_sept_of_a_1g_folio_block_by_block) {
  Guest guest(giant(in_place(spec::Promote::kSept, spec::Merge::kNever), spec::SplitTo::k4K), spec::Arch::kTdx, kGiB,
              3 * kGiB);
  guest.touch(k2M, k2M);
  guest.touch(3 * k2M, k2M);
  guest.split(0, kGiB);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 2.0);
  CHECK_EQ(guest.merge(0, kGiB, kOrder1g), 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 2.0);
  CHECK_EQ(guest.counter(Counter::kSeptPromote), 2.0);
}

TEST(promote_rebuilds_the_rmp) {
  Guest guest(in_place(spec::Promote::kRebuild, spec::Merge::kNever), spec::Arch::kSnp);
  guest.on_vm(OpKind::kGuestWrite, 0, k2M, 0x22);
  CHECK_EQ(guest.counter(Counter::kRmpupdate2m), 1.0);
  guest.convert(kPage, kPage, false);  // psmash
  guest.convert(kPage, kPage, true);
  // A page without an entry: nothing is rebuilt.
  CHECK_EQ(guest.merge(0, k2M), 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 0.0);
  guest.touch(0, k2M);
  guest.split(0, k2M);
  const double updates = guest.counter(Counter::kRmpupdate4k);
  const double zaps = guest.counter(Counter::kZaps4k);
  const double leaves = guest.counter(Counter::kFaults4k) - zaps;
  CHECK_EQ(guest.merge(0, k2M), 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 1.0);
  CHECK_EQ(guest.counter(Counter::kRmpupdate4k) - updates, 512.0);
  CHECK_EQ(guest.counter(Counter::kRmpupdate2m), 2.0);
  CHECK_EQ(guest.counter(Counter::kZaps4k) - zaps, leaves);
  CHECK_EQ(guest.level(0), 9.0);
  CHECK_EQ(guest.on_vm(OpKind::kGuestRead, 0, kPage).values[spec::kGuestReadByte], double{0x22});
  CHECK_EQ(guest.code(0, k2M), 0.0);  // not validated any more
  // What is one entry already is left alone.
  guest.split(0, k2M);
  CHECK_EQ(guest.merge(0, k2M), 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 1.0);
}

// The entries name the gfns of another slot than the one that binds the folio now.
TEST(promote_leaves_entries_of_other_gfns_alone) {
  Guest guest(in_place(spec::Promote::kRebuild, spec::Merge::kNever), spec::Arch::kSnp);
  guest.touch(0, k2M);
  guest.convert(kPage, kPage, false);
  guest.convert(kPage, kPage, true);
  guest.touch(kPage, kPage);
  guest.bind(0, 0, 0, 0);
  guest.bind(0, k2M, k2M, 0);
  CHECK_EQ(guest.merge(0, k2M), 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 0.0);
  guest.split(0, k2M);
  guest.bind(0, 0, 0, 0);
  guest.bind(0, 0, k2M, 0);
  CHECK_EQ(guest.merge(0, k2M), 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 1.0);
}

TEST(promote_rebuilds_the_table) {
  for (const spec::Arch arch : {spec::Arch::kNone, spec::Arch::kPkvm}) {
    Guest guest(in_place(spec::Promote::kRebuild, spec::Merge::kNever), arch);
    guest.touch(0, k2M);
    guest.split(0, k2M);
    CHECK_EQ(guest.merge(0, k2M), 1.0);
    CHECK_EQ(guest.counter(Counter::kPromotions), 0.0);  // no leaf at all
    guest.split(0, k2M);
    guest.touch(kPage, 2 * kPage);
    CHECK_EQ(guest.merge(0, k2M), 1.0);
    CHECK_EQ(guest.counter(Counter::kPromotions), 1.0);
    CHECK_EQ(guest.counter(Counter::kZaps4k), 2.0);
    CHECK_EQ(guest.level(kPage), 9.0);
  }
}

TEST(promote_is_not_looked_at_before_a_punch_frees) {
  spec::Knobs knobs = in_place(spec::Promote::kRebuild, spec::Merge::kNever);
  knobs.source = spec::Source::kPool;
  knobs.fallback = false;
  knobs.punch = spec::Punch::kZero;
  Guest guest(knobs, spec::Arch::kSnp);
  guest.touch(0, k2M);
  guest.convert(kPage, kPage, false);
  guest.convert(kPage, kPage, true);
  guest.touch(0, k2M);
  CHECK_EQ(guest.on_file(OpKind::kPunch, 0, 0, k2M).values[spec::kPunchFreed], 512.0);
  CHECK_EQ(guest.merges(), 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 0.0);
}

// --- deferred merges ---

spec::Knobs deferred(spec::Promote promote = spec::Promote::kNone) { return in_place(promote, spec::Merge::kDeferred); }

TEST(deferred_merge_comes_1024_ops_later) {
  Guest guest(deferred(), spec::Arch::kSnp);
  guest.touch(0, k2M);
  guest.convert(0, kPage, false);
  CHECK_EQ(guest.convert(0, kPage, true).values[spec::kConvertMerged], 0.0);
  guest.idle(1023);
  CHECK_EQ(guest.merges(), 0.0);
  guest.idle(1);
  CHECK_EQ(guest.merges(), 1.0);
}

TEST(deferred_merge_is_put_off_and_out) {
  Guest guest(deferred(), spec::Arch::kSnp);
  guest.touch(0, 2 * k2M);
  for (const double gpa : {0.0, kPage, k2M}) guest.convert(gpa, kPage, false);
  guest.convert(0, kPage, true);
  guest.convert(k2M, kPage, true);
  guest.idle(1000);
  guest.convert(kPage, kPage, true);         // due anew
  guest.convert(k2M + kPage, kPage, false);  // not any more
  guest.idle(1022);
  CHECK_EQ(guest.merges(), 0.0);
  guest.idle(1);
  CHECK_EQ(guest.merges(), 1.0);
  guest.idle(2000);
  CHECK_EQ(guest.merges(), 1.0);
}

TEST(deferred_merge_that_cannot_be_is_dropped) {
  spec::Knobs knobs = deferred();
  knobs.refs = spec::Refs::kCounted;
  Guest guest(knobs, spec::Arch::kSnp);
  guest.touch(0, k2M);
  guest.convert(0, kPage, false);
  guest.convert(0, kPage, true);
  spec::OpRecord pin = Host::record(OpKind::kPin);
  pin.address = kPage;
  pin.size = kPage;
  pin.flags = spec::kFlagSpeculative;
  pin.arg = 1;
  CHECK_EQ(guest.run(pin).errno_number, 0);
  guest.idle(1500);
  CHECK_EQ(guest.merges(), 0.0);
  pin.kind = static_cast<uint8_t>(OpKind::kUnpin);
  CHECK_EQ(guest.run(pin).errno_number, 0);  // no attempt took its try
  guest.idle(1500);
  CHECK_EQ(guest.merges(), 0.0);
}

TEST(deferred_merge_of_a_closed_file) {
  Guest guest(deferred(), spec::Arch::kSnp);
  guest.touch(0, k2M);
  guest.convert(0, kPage, false);
  guest.convert(0, kPage, true);
  guest.close(0);
  guest.idle(1100);
  CHECK_EQ(guest.merges(), 0.0);
}

TEST(deferred_merge_of_1g_takes_its_2m_blocks_first) {
  Guest guest(giant(deferred(spec::Promote::kSept), spec::SplitTo::kMinimal), spec::Arch::kTdx, kGiB, 3 * kGiB);
  guest.touch(0, kPage);
  guest.touch(5 * k2M, k2M);
  guest.convert(5 * k2M, kPage, false);
  guest.convert(5 * k2M, kPage, true);
  guest.touch(5 * k2M, kPage);
  guest.idle(1024);
  CHECK_EQ(guest.merges(), 1.0);
  CHECK_EQ(guest.counter(Counter::kMerges1g), 1.0);
  CHECK_EQ(guest.counter(Counter::kPromotions), 1.0);
  CHECK_EQ(guest.level(5 * k2M), 9.0);
}

}  // namespace
}  // namespace gmem
