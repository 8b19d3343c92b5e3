// The engine as its callers meet it: short sequences with known answers, then records no encoder makes.
#include "core/engine.h"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

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

void check_verified(const Host& host) {
  for (const std::string& problem : host.engine.verify()) CHECK_EQ(problem, std::string());
}

TEST(engine_boots_by_2m) {
  Host host(test::options(test::knobs_2m(), spec::Arch::kSnp));
  CHECK_EQ(host.create(0, 32 * kMiB).errno_number, 0);
  CHECK_EQ(host.bind(0, 0, 32 * kMiB, 0).errno_number, 0);
  for (int i = 0; i < 16; ++i) {
    const spec::OutcomeRecord outcome = host.fault(i * k2M + 5 * kPage, true);
    CHECK_EQ(outcome.errno_number, 0);
    CHECK_EQ(outcome.values[spec::kFaultPfn], i * 512.0 + 5);
    CHECK_EQ(outcome.values[spec::kFaultOrder], 9.0);
    CHECK_EQ(outcome.values[spec::kFaultLevel], 9.0);
  }
  CHECK_EQ(host.counter(Counter::kFaults2m), 16.0);
  CHECK_EQ(host.counter(Counter::kRmpupdate2m), 16.0);
  CHECK_EQ(host.counter(Counter::kPagesCleared), 16.0 * 512);
  CHECK_EQ(host.counter(Counter::kHostPagesEnd), 16.0 * 512);
  check_verified(host);
  CHECK_EQ(host.close(0).errno_number, 0);
  CHECK_EQ(host.counter(Counter::kHostPagesEnd), 0.0);
  CHECK_EQ(host.counter(Counter::kZaps2m), 16.0);
  check_verified(host);
}

TEST(engine_converts_one_page_of_a_2m_folio) {
  Host host(test::options(test::knobs_2m(), spec::Arch::kSnp));
  host.create(0, 4 * kMiB);
  host.bind(0, 0, 4 * kMiB, 0);
  host.fault(0, true);
  const spec::OutcomeRecord outcome = host.convert(7 * kPage, kPage, false);
  CHECK_EQ(outcome.values[spec::kConvertChanged], 1.0);
  CHECK_EQ(outcome.values[spec::kConvertSplit], 1.0);
  CHECK_EQ(host.counter(Counter::kPsmash), 1.0);
  CHECK_EQ(host.counter(Counter::kFoliosFreed4k), 1.0);
  CHECK_EQ(host.counter(Counter::kZaps2m), 1.0);
  CHECK_EQ(host.fault(7 * kPage, true).errno_number, spec::kEFAULT);
  CHECK_EQ(host.fault(7 * kPage, false).errno_number, 0);
  check_verified(host);
}

// 512 frames taken one by one while a copy had made their block movable, merged, and freed as one.
TEST(engine_frees_a_merged_folio_in_a_movable_block) {
  spec::Knobs knobs = test::knobs_2m();
  knobs.shared_order = spec::SharedOrder::k4K;
  Host host(test::options(knobs, spec::Arch::kNone, 4 * kMiB));
  host.create(0, 8 * kMiB);
  host.bind(0, 0, 8 * kMiB, 0);
  CHECK_EQ(host.fault(0, false).values[spec::kFaultPfn], 0.0);  // a copy: the block is movable
  host.convert(k2M, 2 * k2M, true);
  CHECK_EQ(host.fault(2 * k2M, true).values[spec::kFaultPfn], 512.0);  // a 2M folio: nothing else is free
  for (int i = 1; i < 512; ++i) CHECK_EQ(host.fault(k2M + i * kPage, true).values[spec::kFaultPfn], i * 1.0);
  host.convert(0, kPage, true);  // the copy goes
  CHECK_EQ(host.fault(k2M, true).values[spec::kFaultPfn], 0.0);
  CHECK_EQ(host.on_file(OpKind::kMerge, 0, k2M, k2M, 9).values[spec::kMergeMerged], 1.0);
  check_verified(host);
  CHECK_EQ(host.on_file(OpKind::kPunch, 0, k2M, k2M).values[spec::kPunchFreed], 512.0);
  check_verified(host);
  CHECK_EQ(host.fault(k2M, true).values[spec::kFaultOrder], 9.0);
  check_verified(host);
}

// More files than the address space holds: each answers ENOMEM, and so does the copy map of the last one that fits.
TEST(engine_runs_out_of_address_space) {
  Host host(test::options(test::knobs_4k(), spec::Arch::kNone));
  const double most = 9007199254740992.0 - kPage;  // 2^53 bytes less a page
  uint32_t files = 0;
  while (files < 65536 && host.create(files, most).errno_number == 0) ++files;
  CHECK(files > 0 && files < 65536);
  CHECK_EQ(host.create(files, most).errno_number, spec::kENOMEM);
  CHECK_EQ(host.engine.file_size_bytes(files), int64_t{-1});
  // Copies need a map as large as the file's.
  for (uint32_t i = 0; i < 3; ++i) {
    CHECK_EQ(host.bind(i, i * kGiB, k2M, files - 1 - i).errno_number, 0);
    const uint16_t error = host.fault(i * kGiB, false).errno_number;
    CHECK(error == 0 || error == spec::kENOMEM);
  }
  CHECK_EQ(host.fault(0, false).errno_number, spec::kENOMEM);
  check_verified(host);
}

TEST(engine_page_view_of_anything) {
  Host host(test::options(test::knobs_2m(), spec::Arch::kSnp));
  host.create(3, 4 * kMiB);
  host.bind(0, 0, 4 * kMiB, 3);
  host.fault(0, true);
  std::vector<uint32_t> words(1200 * spec::kPageViewWords, 1);
  CHECK(!host.engine.page_view(0, 0, 1, words.data()));
  CHECK(!host.engine.page_view(0xffffffff, 0, 1, words.data()));
  CHECK(host.engine.page_view(3, 0, 1200, words.data()));
  CHECK_EQ(words[spec::kPageViewPfn], 0U);
  CHECK_EQ(words[511 * spec::kPageViewWords + spec::kPageViewPfn], 511U);
  CHECK_EQ(words[512 * spec::kPageViewWords + spec::kPageViewPfn], spec::kNoPfn);
  CHECK_EQ(words[1199 * spec::kPageViewWords + spec::kPageViewBits], 0U);
  for (const int64_t first : {int64_t{-1}, int64_t{-9007199254740991}, int64_t{9007199254740991}}) {
    CHECK(host.engine.page_view(3, first, 1200, words.data()));
    CHECK_EQ(words[spec::kPageViewPfn], spec::kNoPfn);
  }
}

// --- hostile records ---

constexpr double kHostile[] = {
    0,
    -0.0,
    1,
    -1,
    0.5,
    4095,
    4096,
    -4096,
    4097,
    2097152,
    -2097152,
    2147483647.0 * 4096,
    2147483648.0 * 4096,
    4503599627370496.0,  // 2^52
    4503599627370496.0 - 4096,
    9007199254740991.0,  // 2^53 - 1
    9007199254740992.0 - 4096,
    -9007199254740991.0,
    9007199254740992.0,
    1152921504606846976.0,  // 2^60
    -1152921504606846976.0,
    9223372036854775808.0,   // 2^63
    18446744073709551616.0,  // 2^64
    std::numeric_limits<double>::max(),
    std::numeric_limits<double>::lowest(),
    std::numeric_limits<double>::denorm_min(),
    std::numeric_limits<double>::infinity(),
    -std::numeric_limits<double>::infinity(),
    std::numeric_limits<double>::quiet_NaN(),
    -std::numeric_limits<double>::quiet_NaN(),
};

struct Setting {
  const char* name;
  spec::Knobs knobs;
  spec::Arch arch;
};

std::vector<Setting> settings() {
  spec::Knobs idempotent = test::knobs_2m();
  idempotent.preparedness = spec::Preparedness::kNone;
  idempotent.by_attributes = true;
  idempotent.lock = spec::Lock::kMainline;
  idempotent.shared_order = spec::SharedOrder::k4K;
  spec::Knobs strict = test::knobs_2m();
  strict.fallback = false;
  strict.keep_shared = true;
  strict.vmm_punch = spec::VmmPunch::kWholeFolio;
  strict.pins = spec::Pins::kForbid;
  strict.poison = spec::Poison::kFolio;
  std::vector<Setting> list = {
      {"2m none", test::knobs_2m(), spec::Arch::kNone},   {"2m snp", test::knobs_2m(), spec::Arch::kSnp},
      {"4k none", test::knobs_4k(), spec::Arch::kNone},   {"4k snp", test::knobs_4k(), spec::Arch::kSnp},
      {"idempotent none", idempotent, spec::Arch::kNone}, {"idempotent snp", idempotent, spec::Arch::kSnp},
      {"strict none", strict, spec::Arch::kNone},         {"strict snp", strict, spec::Arch::kSnp},
      {"2m tdx", test::knobs_2m(), spec::Arch::kTdx},     {"4k tdx", test::knobs_4k(), spec::Arch::kTdx},
      {"strict tdx", strict, spec::Arch::kTdx},
  };
  spec::Knobs frozen = idempotent;
  frozen.refs = spec::Refs::kFrozen;
  list.push_back({"frozen tdx", frozen, spec::Arch::kTdx});
  // In place, by what becomes of a hole, where folios come from, and when they merge.
  for (const spec::Arch arch : {spec::Arch::kNone, spec::Arch::kSnp, spec::Arch::kTdx}) {
    spec::Knobs knobs = test::knobs_2m();
    knobs.conversion = spec::Conversion::kInPlace;
    knobs.shared_order = spec::SharedOrder::k4K;
    list.push_back({"in place, split", knobs, arch});
    // Without references of the module folios that are mapped do split.
    if (arch == spec::Arch::kTdx) knobs.refs = spec::Refs::kFrozen;
    knobs.punch = spec::Punch::kKeep;
    knobs.preparedness = spec::Preparedness::kState;
    list.push_back({"in place, keep", knobs, arch});
    knobs.preparedness = spec::Preparedness::kNone;
    knobs.punch = spec::Punch::kZero;
    knobs.source = spec::Source::kPool;
    knobs.fallback = false;
    knobs.merge = spec::Merge::kEager;
    list.push_back({"in place, pool, zero, eager", knobs, arch});
    knobs.punch = spec::Punch::kRefuse;
    list.push_back({"in place, pool, refuse, eager", knobs, arch});
    knobs.promote = arch == spec::Arch::kTdx ? spec::Promote::kSept : spec::Promote::kRebuild;
    list.push_back({"in place, pool, eager, promoted", knobs, arch});
    knobs.merge = spec::Merge::kDeferred;
    list.push_back({"in place, pool, deferred, promoted", knobs, arch});
  }
  return list;
}

// Little enough that ops are refused; a pool is 15/16 of it, and both files reserve theirs.
double memory_of(const Setting& setting) { return setting.knobs.source == spec::Source::kPool ? 20 * kMiB : 16 * kMiB; }

// Two files of 8 MiB in two slots, the second not congruent modulo 2M.
void furnish(Host& host, spec::Arch arch) {
  const bool private_memory = arch == spec::Arch::kSnp || arch == spec::Arch::kTdx;
  host.create(0, 8 * kMiB);
  host.create(1, 8 * kMiB, private_memory ? 0 : spec::kCreateFlagMmap | spec::kCreateFlagInitShared);
  host.bind(0, 0, 8 * kMiB, 0);
  host.bind(1, 16 * kMiB + kPage, 4 * kMiB, 1, k2M);
}

// Every kind, known or not, with every pair of hostile quantities for address and size.
TEST(engine_survives_every_pair_of_hostile_quantities) {
  for (const Setting& setting : settings()) {
    Host host(test::options(setting.knobs, setting.arch, memory_of(setting)));
    furnish(host, setting.arch);
    for (unsigned kind = 0; kind <= spec::kOpKinds; ++kind) {
      // A closed VM or file would leave little to break; they have their turn in the fuzz below.
      if (kind == static_cast<unsigned>(OpKind::kDestroy) || kind == static_cast<unsigned>(OpKind::kClose)) continue;
      for (const double address : kHostile) {
        for (const double size : kHostile) {
          spec::OpRecord op = Host::record(static_cast<OpKind>(kind));
          op.address = address;
          op.size = size;
          op.extra = size;
          op.arg = kind == static_cast<unsigned>(OpKind::kBind) ? 7 : 0;
          op.gmem = kind == static_cast<unsigned>(OpKind::kCreate) ? 9 : 0;
          const spec::OutcomeRecord outcome = host.run(op);
          CHECK(outcome.errno_number < Engine::kErrnos);
          if (kind == spec::kOpKinds) CHECK_EQ(outcome.errno_number, spec::kEINVAL);
        }
      }
    }
    check_verified(host);
  }
}

TEST(engine_refuses_ids_and_kinds_beyond_the_table) {
  Host host(test::options(test::knobs_2m(), spec::Arch::kSnp));
  for (unsigned kind = 0; kind < 256; ++kind) {
    for (const uint32_t id : {1023U, 65536U, 0x7fffffffU, 0xffffffffU}) {
      spec::OpRecord op = Host::record(static_cast<OpKind>(kind));
      op.flags = 0xff;
      op.vcpu = 0xffff;
      op.vm = id;
      op.gmem = id < 65536 ? 65536 : id;
      op.arg = 0xffffffff;
      op.size = 4096;
      op.extra = std::nan("");
      CHECK(host.run(op).errno_number != 0);
    }
  }
  check_verified(host);
}

double any_quantity(test::Random& random) {
  if (random.one_in(25)) return kHostile[random.below(std::size(kHostile))];
  const double pages = static_cast<double>(random.below(24 * 256));
  if (random.one_in(3)) return std::floor(pages / 512) * k2M;
  return pages * kPage + (random.one_in(12) ? static_cast<double>(random.below(4096)) : 0);
}

double any_size(test::Random& random) {
  switch (random.below(5)) {
    case 0:
      return kPage;
    case 1:
      return k2M;
    case 2:
      return static_cast<double>(1 + random.below(600)) * kPage;
    case 3:
      return any_quantity(random);
    default:
      return static_cast<double>(1 + random.below(8)) * kPage;
  }
}

// `late`: what ends a VM may come.
spec::OpRecord any_op(test::Random& random, bool late) {
  // The ops that do the work, more often than those that end it.
  constexpr OpKind kOften[] = {OpKind::kFault,     OpKind::kTouch, OpKind::kConvert,    OpKind::kPunch,
                               OpKind::kFallocate, OpKind::kSplit, OpKind::kGuestWrite, OpKind::kMerge,
                               OpKind::kPin,       OpKind::kUnpin};
  auto kind = static_cast<unsigned>(kOften[random.below(std::size(kOften))]);
  if (random.one_in(3)) kind = static_cast<unsigned>(random.below(spec::kOpKinds + 1));
  const bool ends = kind == static_cast<unsigned>(OpKind::kDestroy) || kind == static_cast<unsigned>(OpKind::kFinalize);
  if (ends && !late) kind = static_cast<unsigned>(OpKind::kFault);
  spec::OpRecord op = Host::record(static_cast<OpKind>(kind));
  op.flags = static_cast<uint8_t>(random.below(32));
  op.vcpu = static_cast<uint16_t>(random.next());
  op.vm = random.one_in(30) ? static_cast<uint32_t>(random.below(1100)) : 0;
  op.gmem = random.one_in(30) ? static_cast<uint32_t>(random.next()) : static_cast<uint32_t>(random.below(3));
  op.arg = random.one_in(2) ? static_cast<uint32_t>(random.below(4)) : random.one_in(2) ? 9 : 0;
  op.address = any_quantity(random);
  op.size = any_size(random);
  op.extra = random.one_in(2) ? 0 : any_quantity(random);
  if (op.kind == static_cast<uint8_t>(OpKind::kCreate)) op.extra = static_cast<double>(random.below(5));
  // Some huge blocks must be left, or nothing would be huge any more.
  if (op.kind == static_cast<uint8_t>(OpKind::kPressure)) op.size = static_cast<double>(4 + random.below(8));
  return op;
}

// Any op on any state: it never crashes, and what the engine knows of itself stays true.
TEST(engine_fuzz) {
  uint64_t purpose = 70;
  for (const Setting& setting : settings()) {
    uint64_t ok = 0;
    for (int round = 0; round < 6 && !test::failed(); ++round) {
      test::Random random(++purpose);
      Host host(test::options(setting.knobs, setting.arch, memory_of(setting)));
      furnish(host, setting.arch);
      for (int step = 0; step < 3000 && !test::failed(); ++step) {
        const spec::OpRecord op = any_op(random, step > 2500);
        const spec::OutcomeRecord outcome = host.run(op);
        ok += outcome.errno_number == 0;
        const bool closely = round == 0 && step < 400;  // which op broke it is then known
        if (!closely && step % 100 != 99) continue;
        check_verified(host);
        if (test::failed())
          test::fail(__FILE__, __LINE__,
                     std::string(setting.name) + ": " + spec::kOpNames[op.kind % spec::kOpKinds] + " at step " +
                         std::to_string(step));
      }
      for (uint32_t gmem = 0; gmem < 3; ++gmem) host.close(gmem);
      check_verified(host);
    }
    CHECK(ok > 300);  // or the ops met nothing but refusals
  }
}

}  // namespace
}  // namespace gmem
