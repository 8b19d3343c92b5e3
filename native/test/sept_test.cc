// What TDX does otherwise, rule by rule (docs/semantics-tdx.md sections 22 and 23).
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

spec::Knobs in_place_2m(spec::Refs refs = spec::Refs::kCounted) {
  spec::Knobs knobs = test::knobs_2m();
  knobs.conversion = spec::Conversion::kInPlace;
  knobs.shared_order = spec::SharedOrder::k4K;
  knobs.preparedness = spec::Preparedness::kNone;
  knobs.refs = refs;
  return knobs;
}

spec::Knobs frozen(spec::Knobs knobs) {
  knobs.refs = spec::Refs::kFrozen;
  return knobs;
}

// A TDX guest of 16 MiB in one slot.
struct Guest : Host {
  explicit Guest(const spec::Knobs& knobs, double size = 16 * kMiB, double memory = 64 * kMiB)
      : Host(test::options(knobs, spec::Arch::kTdx, memory)) {
    create(0, size);
    bind(0, 0, size, 0);
  }
  ~Guest() {
    for (const std::string& problem : engine.verify()) CHECK_EQ(problem, std::string());
  }
  double code(double gpa, double size) { return on_vm(OpKind::kValidate, gpa, size).values[spec::kValidateCode]; }
  uint8_t read(double gpa) {
    const spec::OutcomeRecord outcome = on_vm(OpKind::kGuestRead, gpa, kPage);
    CHECK_EQ(outcome.errno_number, 0);
    return static_cast<uint8_t>(outcome.values[spec::kGuestReadByte]);
  }
  void write(double gpa, double size, uint8_t byte) {
    CHECK_EQ(on_vm(OpKind::kGuestWrite, gpa, size, byte).errno_number, 0);
  }
  double level(double gpa, bool to_private = true, bool map = true) {
    const spec::OutcomeRecord outcome = fault(gpa, to_private, map);
    CHECK_EQ(outcome.errno_number, 0);
    return outcome.values[spec::kFaultLevel];
  }
};

TEST(tdx_create_flags) {
  Host discard(test::options(test::knobs_2m(), spec::Arch::kTdx));
  CHECK_EQ(discard.create(0, k2M, spec::kCreateFlagMmap).errno_number, spec::kEINVAL);
  CHECK_EQ(discard.create(0, k2M, spec::kCreateFlagInitShared).errno_number, spec::kEINVAL);
  CHECK_EQ(discard.create(0, k2M).errno_number, 0);
  Host in_place(test::options(in_place_2m(), spec::Arch::kTdx));
  CHECK_EQ(in_place.create(0, k2M, spec::kCreateFlagMmap | spec::kCreateFlagInitShared).errno_number, 0);
}

TEST(tdx_launch) {
  Guest guest(test::knobs_2m());
  const spec::OutcomeRecord populated = guest.on_vm(OpKind::kPopulate, 0, 3 * kPage, 7);
  CHECK_EQ(populated.values[spec::kPopulateDone], 3.0);
  CHECK_EQ(guest.counter(Counter::kSeptAdd), 3.0);
  CHECK_EQ(guest.counter(Counter::kFaults4k), 3.0);
  CHECK_EQ(guest.counter(Counter::kSeptAug), 0.0);
  CHECK_EQ(guest.counter(Counter::kPrepares), 0.0);
  // No vCPU runs, whatever it asks for.
  CHECK_EQ(guest.fault(0, true).errno_number, spec::kEINVAL);
  CHECK_EQ(guest.fault(0, true, false).errno_number, spec::kEINVAL);
  CHECK_EQ(guest.on_vm(OpKind::kTouch, 0, kPage).errno_number, spec::kEINVAL);
  CHECK_EQ(guest.on_vm(OpKind::kGuestRead, 0, kPage).errno_number, spec::kEINVAL);
  CHECK_EQ(guest.on_vm(OpKind::kValidate, 0, kPage).errno_number, spec::kEINVAL);
  // A page of the launch is mapped, marked or not.
  CHECK_EQ(guest.on_vm(OpKind::kPopulate, 0, kPage).errno_number, spec::kEEXIST);
  CHECK_EQ(guest.run(Host::record(OpKind::kFinalize)).errno_number, 0);
  CHECK_EQ(guest.run(Host::record(OpKind::kFinalize)).errno_number, spec::kEINVAL);
  CHECK_EQ(guest.on_vm(OpKind::kPopulate, 8 * kPage, kPage).errno_number, spec::kEINVAL);
  CHECK_EQ(guest.read(2 * kPage), uint8_t{7});
  CHECK_EQ(guest.code(0, kPage), 255.0);  // accepted by being added
}

TEST(tdx_populate_of_a_mapped_page_without_marks) {
  Guest guest(in_place_2m());
  CHECK_EQ(guest.on_vm(OpKind::kPopulate, 0, kPage).errno_number, 0);
  CHECK_EQ(guest.on_vm(OpKind::kPopulate, 0, kPage).errno_number, spec::kEEXIST);
  CHECK_EQ(guest.on_vm(OpKind::kPopulate, kPage, kPage).errno_number, 0);
}

TEST(tdx_a_vm_without_launch_is_finalized_by_its_first_vcpu) {
  Guest guest(test::knobs_2m());
  CHECK_EQ(guest.on_vm(OpKind::kPopulate, 0, kPage, 0, spec::kFlagAbsent).errno_number, spec::kEFAULT);  // no launch
  CHECK_EQ(guest.on_vm(OpKind::kTouch, 0, -1).errno_number, spec::kEINVAL);
  CHECK_EQ(guest.run(Host::record(OpKind::kFinalize)).errno_number, spec::kEINVAL);
  CHECK_EQ(guest.on_vm(OpKind::kPopulate, 0, kPage).errno_number, spec::kEINVAL);
}

TEST(tdx_preserve_until_finalized) {
  Guest guest(in_place_2m());
  guest.convert(0, kPage, false);
  spec::OpRecord op = Host::record(OpKind::kConvert);
  op.size = kPage;
  op.flags = spec::kFlagPrivate;
  op.arg = static_cast<uint32_t>(spec::Content::kPreserve);
  CHECK_EQ(guest.run(op).errno_number, 0);
  guest.convert(0, kPage, false);
  CHECK_EQ(guest.level(k2M), 9.0);
  CHECK_EQ(guest.run(op).errno_number, spec::kEOPNOTSUPP);
}

TEST(tdx_fault_levels) {
  Guest guest(test::knobs_2m());
  CHECK_EQ(guest.level(0), 9.0);
  CHECK_EQ(guest.counter(Counter::kSeptAug), 1.0);
  CHECK_EQ(guest.counter(Counter::kPrepares), 0.0);
  // A table of 4K entries stays one.
  CHECK_EQ(guest.code(k2M, kPage), 0.0);
  CHECK_EQ(guest.counter(Counter::kFaults4k), 1.0);
  CHECK_EQ(guest.level(k2M + kPage, true, false), 0.0);
  CHECK_EQ(guest.level(k2M + kPage), 0.0);
  CHECK_EQ(guest.counter(Counter::kSeptAug), 3.0);
  CHECK_EQ(guest.counter(Counter::kFaults2m), 1.0);
  CHECK_EQ(guest.counter(Counter::kZaps4k), 0.0);
}

TEST(tdx_1g_folio_is_mapped_by_2m) {
  spec::Knobs knobs = frozen(in_place_2m());
  knobs.hugepages = spec::Hugepages::k1G;
  knobs.source = spec::Source::kPool;
  knobs.fallback = false;
  knobs.punch = spec::Punch::kZero;
  knobs.split_to = spec::SplitTo::kMinimal;
  Guest guest(knobs, kGiB, 3 * kGiB);
  const spec::OutcomeRecord outcome = guest.fault(k2M, true);
  CHECK_EQ(outcome.values[spec::kFaultOrder], 18.0);
  CHECK_EQ(outcome.values[spec::kFaultLevel], 9.0);
  CHECK_EQ(guest.level(5 * k2M), 9.0);
  // Only the 2M leaf whose folio is 4K now is demoted; of it, the page that turns goes.
  CHECK_EQ(guest.convert(k2M, kPage, false).errno_number, 0);
  CHECK_EQ(guest.counter(Counter::kSplits1g), 1.0);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 1.0);
  CHECK_EQ(guest.counter(Counter::kSeptRemove), 1.0);
  CHECK_EQ(guest.level(5 * k2M, true, false), 9.0);
}

// Every leaf of the piece goes before its folio is split, so none is demoted.
TEST(tdx_convert_of_whole_leaves_demotes_none) {
  spec::Knobs knobs = in_place_2m();
  knobs.hugepages = spec::Hugepages::k1G;
  knobs.source = spec::Source::kPool;
  knobs.fallback = false;
  knobs.punch = spec::Punch::kZero;
  Guest guest(knobs, kGiB, 3 * kGiB);
  guest.level(k2M);
  guest.level(2 * k2M);
  CHECK_EQ(guest.convert(0, 3 * k2M, false).values[spec::kConvertSplit], 1.0);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 0.0);
  CHECK_EQ(guest.counter(Counter::kSeptRemove), 2.0);
}

TEST(tdx_zap_loses_contents_and_acceptance) {
  Guest guest(test::knobs_2m());
  guest.write(0, k2M, 0x11);
  CHECK_EQ(guest.code(0, k2M), 0.0);
  CHECK_EQ(guest.code(0, k2M), 255.0);
  // attributes: the page that turns goes, the others stay as they were.
  CHECK_EQ(guest.on_vm(OpKind::kAttributes, 3 * kPage, kPage).errno_number, 0);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 1.0);
  CHECK_EQ(guest.counter(Counter::kSeptRemove), 1.0);
  CHECK_EQ(guest.counter(Counter::kZaps4k), 1.0);
  CHECK_EQ(guest.counter(Counter::kZaps2m), 0.0);
  CHECK_EQ(guest.read(2 * kPage), uint8_t{0x11});
  CHECK_EQ(guest.code(2 * kPage, kPage), 255.0);
  guest.on_vm(OpKind::kAttributes, 3 * kPage, kPage, 0, spec::kFlagPrivate);
  const double cleared = guest.counter(Counter::kPagesCleared);
  CHECK_EQ(guest.read(3 * kPage), uint8_t{0});
  CHECK_EQ(guest.counter(Counter::kPagesCleared), cleared);  // the mark stayed, the module cleared
  CHECK_EQ(guest.code(3 * kPage, kPage), 0.0);
  // A slot that goes takes every leaf.
  guest.bind(0, 0, 0, 0);
  CHECK_EQ(guest.counter(Counter::kSeptRemove), 513.0);
  guest.bind(0, 0, 16 * kMiB, 0);
  CHECK_EQ(guest.read(2 * kPage), uint8_t{0});
}

TEST(tdx_zap_of_a_whole_2m_leaf) {
  Guest guest(test::knobs_2m());
  guest.write(0, k2M, 0x22);
  guest.on_vm(OpKind::kAttributes, 0, k2M);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 0.0);
  CHECK_EQ(guest.counter(Counter::kSeptRemove), 1.0);
  CHECK_EQ(guest.counter(Counter::kZaps2m), 1.0);
  guest.on_vm(OpKind::kAttributes, 0, k2M, 0, spec::kFlagPrivate);
  CHECK_EQ(guest.read(kPage), uint8_t{0});
}

TEST(tdx_shared_leaves_are_of_another_table) {
  Guest guest(test::knobs_2m());
  guest.convert(0, k2M, false);
  CHECK_EQ(guest.level(0, false), 9.0);
  guest.write(0, kPage, 0x33);
  guest.convert(0, kPage, true);  // the shared leaf goes whole
  CHECK_EQ(guest.counter(Counter::kSeptAug), 0.0);
  CHECK_EQ(guest.counter(Counter::kSeptRemove), 0.0);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 0.0);
  CHECK_EQ(guest.counter(Counter::kZaps2m), 1.0);
  CHECK_EQ(guest.read(kPage), uint8_t{0});
}

TEST(tdx_validate) {
  Guest guest(test::knobs_2m());
  CHECK_EQ(guest.on_vm(OpKind::kValidate, 0, 3).errno_number, spec::kEINVAL);
  CHECK_EQ(guest.code(kPage, k2M), 1.0);
  CHECK_EQ(guest.counter(Counter::kPvalidate), 0.0);
  CHECK_EQ(guest.on_vm(OpKind::kValidate, 64 * kMiB, kPage).errno_number, spec::kEFAULT);
  // 2M: mapped whole, accepted whole; by 4K then nothing is new but the leaf is demoted.
  CHECK_EQ(guest.code(0, k2M), 0.0);
  CHECK_EQ(guest.counter(Counter::kFaults2m), 1.0);
  CHECK_EQ(guest.code(5 * kPage, kPage), 255.0);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 1.0);
  CHECK_EQ(guest.code(0, k2M), 6.0);
  CHECK_EQ(guest.code(6 * kPage, kPage), 255.0);
  // 4K under a 2M leaf that is not accepted.
  guest.fault(k2M, true);
  CHECK_EQ(guest.code(k2M, kPage), 0.0);
  CHECK_EQ(guest.code(k2M + kPage, kPage), 0.0);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 2.0);
  CHECK_EQ(guest.counter(Counter::kPvalidate), 6.0);
}

// --- references ---

TEST(tdx_mapping_refuses_a_split_under_counted) {
  Guest guest(test::knobs_2m());
  guest.fault(0, true);
  const spec::OutcomeRecord refused = guest.on_file(OpKind::kSplit, 0, kPage, kPage);
  CHECK_EQ(refused.errno_number, spec::kEAGAIN);
  CHECK_EQ(refused.values[spec::kSplitOffset], kPage);
  CHECK_EQ(guest.counter(Counter::kSplitFailed), 1.0);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 0.0);
  // The hole's leaf goes, the folio stays.
  const spec::OutcomeRecord punched = guest.on_file(OpKind::kPunch, 0, 2 * kPage, kPage);
  CHECK_EQ(punched.values[spec::kPunchFreed], 0.0);
  CHECK_EQ(guest.counter(Counter::kSplitFailed), 2.0);
  CHECK_EQ(guest.counter(Counter::kSeptRemove), 1.0);
  // What the hole itself held does not count.
  guest.fault(k2M, true);
  CHECK_EQ(guest.on_file(OpKind::kPunch, 0, k2M + kPage, k2M - kPage).errno_number, 0);
  CHECK_EQ(guest.counter(Counter::kSplitFailed), 3.0);
  CHECK_EQ(guest.on_file(OpKind::kPunch, 0, k2M, kPage).values[spec::kPunchSplit], 1.0);
  CHECK_EQ(guest.counter(Counter::kSplitFailed), 3.0);
  // A whole folio is not refused.
  guest.fault(2 * k2M, true);
  CHECK_EQ(guest.on_file(OpKind::kPunch, 0, 2 * k2M, k2M).values[spec::kPunchFreed], 512.0);
}

TEST(tdx_mapping_refuses_nothing_under_frozen) {
  Guest guest(frozen(test::knobs_2m()));
  guest.write(0, k2M, 0x44);
  CHECK_EQ(guest.on_file(OpKind::kSplit, 0, 0, kPage).values[spec::kSplitSplit], 1.0);
  CHECK_EQ(guest.counter(Counter::kSeptDemote), 1.0);
  CHECK_EQ(guest.counter(Counter::kSeptRemove), 0.0);
  CHECK_EQ(guest.read(kPage), uint8_t{0x44});
}

TEST(tdx_convert_in_place_of_a_mapped_folio) {
  Guest counted(in_place_2m());
  counted.write(0, k2M, 0x55);
  const spec::OutcomeRecord refused = counted.convert(3 * kPage, kPage, false);
  CHECK_EQ(refused.errno_number, spec::kEAGAIN);
  CHECK_EQ(refused.values[spec::kConvertGpa], 3 * kPage);
  CHECK_EQ(counted.counter(Counter::kConvertEagain), 1.0);
  CHECK_EQ(counted.counter(Counter::kSplitFailed), 1.0);
  CHECK_EQ(counted.counter(Counter::kSeptDemote), 0.0);  // nothing is zapped when a check fails
  CHECK_EQ(counted.read(3 * kPage), uint8_t{0x55});
  // The whole folio: its own leaf does not count.
  CHECK_EQ(counted.convert(0, k2M, false).values[spec::kConvertSplit], 1.0);
  CHECK_EQ(counted.counter(Counter::kSeptRemove), 1.0);
  CHECK_EQ(counted.counter(Counter::kSeptDemote), 0.0);

  Guest open(in_place_2m(spec::Refs::kFrozen));
  open.write(0, k2M, 0x55);
  CHECK_EQ(open.convert(3 * kPage, kPage, false).values[spec::kConvertSplit], 1.0);
  CHECK_EQ(open.counter(Counter::kSeptDemote), 1.0);
  CHECK_EQ(open.counter(Counter::kSeptRemove), 1.0);
  CHECK_EQ(open.read(2 * kPage), uint8_t{0x55});
  CHECK_EQ(open.read(3 * kPage), uint8_t{0xA5});  // the content rule of the op comes after the loss
}

TEST(tdx_speculative_and_mapping_are_one_refusal) {
  Guest guest(test::knobs_2m());
  guest.fault(0, true);
  spec::OpRecord pin = Host::record(OpKind::kPin);
  pin.size = kPage;
  pin.flags = spec::kFlagSpeculative;
  pin.arg = 1;
  guest.run(pin);
  CHECK_EQ(guest.on_file(OpKind::kSplit, 0, 0, kPage).errno_number, spec::kEAGAIN);
  CHECK_EQ(guest.counter(Counter::kSplitFailed), 1.0);
  CHECK_EQ(guest.on_file(OpKind::kUnpin, 0, 0, kPage).errno_number, spec::kEINVAL);
  pin.kind = static_cast<uint8_t>(OpKind::kUnpin);
  CHECK_EQ(guest.run(pin).errno_number, spec::kEINVAL);  // its one try is spent
}

TEST(tdx_poison_of_a_mapped_folio) {
  Guest counted(test::knobs_2m());
  counted.fault(0, true);
  CHECK_EQ(counted.on_file(OpKind::kPoison, 0, kPage, 0).errno_number, 0);
  CHECK_EQ(counted.counter(Counter::kSplitFailed), 1.0);
  CHECK_EQ(counted.counter(Counter::kSeptRemove), 1.0);
  CHECK_EQ(counted.fault(2 * kPage, true).errno_number, spec::kEHWPOISON);

  Guest open(frozen(test::knobs_2m()));
  open.write(0, k2M, 0x66);
  CHECK_EQ(open.on_file(OpKind::kPoison, 0, kPage, 0).errno_number, 0);
  CHECK_EQ(open.counter(Counter::kSeptDemote), 1.0);
  CHECK_EQ(open.counter(Counter::kSeptRemove), 1.0);
  CHECK_EQ(open.fault(kPage, true).errno_number, spec::kEHWPOISON);
  CHECK_EQ(open.read(2 * kPage), uint8_t{0x66});
}

TEST(tdx_merge_and_conversion_to_private_are_not_refused) {
  Guest guest(in_place_2m());
  guest.on_vm(OpKind::kTouch, 0, kPage);
  guest.convert(0, k2M, false);
  CHECK_EQ(guest.convert(0, k2M, true).errno_number, 0);
  guest.on_vm(OpKind::kTouch, 0, k2M);
  CHECK_EQ(guest.on_file(OpKind::kMerge, 0, 0, k2M, kOrder2m).values[spec::kMergeMerged], 1.0);
  // The 4K leaves stay, and with them the references.
  CHECK_EQ(guest.on_file(OpKind::kSplit, 0, 0, kPage).errno_number, spec::kEAGAIN);
  CHECK_EQ(guest.level(0), 0.0);
}

}  // namespace
}  // namespace gmem
