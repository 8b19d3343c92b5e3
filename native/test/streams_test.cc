// Streams of every kind of op on any design: files, slots and VMs come and go while batches and lanes look ahead, and
// memory runs short. Under AddressSanitizer this also says that nothing is looked at that is gone.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/vcpus.h"
#include "test/any_design.h"
#include "test/host.h"
#include "test/test.h"

namespace gmem {
namespace {

using spec::OpKind;
using test::Host;
using test::k2M;
using test::kGiB;
using test::kMiB;
using test::kPage;
using test::Random;

constexpr uint32_t kVms = 3;
constexpr uint32_t kFiles = 3;
constexpr uint32_t kSlots = 3;

struct AnyDesign {
  spec::Knobs knobs;
  spec::Arch arch;
};

// Of a file, and of the host, which may be too small for what is asked of it.
struct Sizes {
  double file;
  double host;
};

Sizes sizes_for(const AnyDesign& design, bool scarce) {
  if (design.knobs.hugepages == spec::Hugepages::k1G) return {kGiB, scarce ? 4 * kGiB : 6 * kGiB};
  return {24 * k2M, scarce ? 192 * kMiB : kGiB};
}

// Few combinations go together by chance: one that does is looked for.
AnyDesign any_design(Random& random) {
  for (;;) {
    const AnyDesign design{test::any_knobs(random), static_cast<spec::Arch>(random.below(spec::kArches))};
    if (spec::unsupported_reason(design.knobs, design.arch) == nullptr) return design;
  }
}

double some_page(Random& random, double size) {
  return static_cast<double>(random.below(static_cast<uint64_t>(size / kPage))) * kPage;
}

spec::OpRecord vcpu_op(Random& random, double file_size) {
  constexpr OpKind kKinds[] = {OpKind::kFault, OpKind::kFault, OpKind::kTouch, OpKind::kGuestRead, OpKind::kGuestWrite};
  spec::OpRecord op = Host::record(kKinds[random.below(std::size(kKinds))]);
  op.vm = static_cast<uint32_t>(random.below(kVms));
  op.vcpu = static_cast<uint16_t>(random.below(5));
  op.address = some_page(random, (random.one_in(8) ? kSlots : 1) * file_size);
  op.size = kPage;
  if (random.one_in(40)) op.size = kPage * static_cast<double>(random.below(700));
  if (static_cast<OpKind>(op.kind) == OpKind::kFault) {
    op.size = 0;
    op.flags =
        static_cast<uint8_t>((random.one_in(5) ? 0 : spec::kFlagPrivate) | (random.one_in(8) ? spec::kFlagNoMap : 0));
  }
  if (static_cast<OpKind>(op.kind) == OpKind::kGuestWrite) op.arg = static_cast<uint32_t>(random.below(256));
  if (random.one_in(500)) op.address = -op.address;
  if (random.one_in(500)) op.address = 1e300;
  if (random.one_in(500)) op.vm = 5000;
  return op;
}

spec::OpRecord create(uint32_t file, double size) {
  spec::OpRecord op = Host::record(OpKind::kCreate);
  op.vm = op.gmem = file;
  op.size = size;
  return op;
}

spec::OpRecord bind(uint32_t vm, uint32_t slot, double gpa, double size) {
  spec::OpRecord op = Host::record(OpKind::kBind);
  op.vm = vm;
  op.arg = slot;
  op.gmem = vm;
  op.address = gpa;
  op.size = size;
  return op;
}

// Objects go often, and come back.
spec::OpRecord op_on_objects(Random& random, uint32_t file, double file_size) {
  const uint64_t kind = random.below(60);
  if (kind < 20) {
    spec::OpRecord op = create(file, file_size);
    if (random.one_in(3)) op.size -= k2M * static_cast<double>(random.below(4));
    if (random.one_in(6)) op.size -= kPage * static_cast<double>(random.below(1000));
    if (random.one_in(2)) op.extra = static_cast<double>(random.below(4));
    return op;
  }
  if (kind < 56) {
    const auto slot = static_cast<uint32_t>(random.below(kSlots));
    spec::OpRecord op = bind(file, slot, slot * file_size, 0);
    if (random.one_in(5)) return op;
    op.size = random.one_in(2) ? file_size : some_page(random, file_size);
    if (random.one_in(4)) op.address += kPage * static_cast<double>(random.below(2000));
    if (random.one_in(3)) op.extra = kPage * static_cast<double>(random.below(2000));
    op.size = std::min(op.size, file_size - op.extra);
    return op;
  }
  spec::OpRecord op = Host::record(kind == 56 && random.one_in(12) ? OpKind::kDestroy : OpKind::kClose);
  if (kind == 57) op = Host::record(OpKind::kFinalize);
  op.vm = op.gmem = file;
  return op;
}

spec::OpRecord op_on_pages(Random& random, uint32_t file, double file_size) {
  constexpr OpKind kKinds[] = {OpKind::kConvert,   OpKind::kConvert,  OpKind::kConvert,  OpKind::kAttributes,
                               OpKind::kPunch,     OpKind::kPunch,    OpKind::kPopulate, OpKind::kFallocate,
                               OpKind::kSplit,     OpKind::kMerge,    OpKind::kPin,      OpKind::kUnpin,
                               OpKind::kUnpin,     OpKind::kPoison,   OpKind::kVmmRead,  OpKind::kVmmWrite,
                               OpKind::kHostWrite, OpKind::kHostRead, OpKind::kValidate};
  spec::OpRecord op = Host::record(kKinds[random.below(std::size(kKinds))]);
  op.vm = op.gmem = file;
  op.address = some_page(random, file_size);
  if (random.one_in(2)) op.address -= std::fmod(op.address, k2M);
  op.size = random.one_in(3) ? k2M * static_cast<double>(1 + random.below(8))
                             : kPage * static_cast<double>(1 + random.below(random.one_in(2) ? 4 : 1200));
  switch (static_cast<OpKind>(op.kind)) {
    case OpKind::kConvert:
    case OpKind::kAttributes:
      op.flags = random.one_in(2) ? spec::kFlagPrivate : 0;
      break;
    case OpKind::kMerge:
      op.arg = kOrder2m;
      break;
    case OpKind::kPin:
    case OpKind::kUnpin:
      // Few places, so that what is pinned is found again.
      op.flags = random.one_in(2) ? spec::kFlagSpeculative : 0;
      op.arg = static_cast<uint32_t>(random.below(3));
      op.address = 100 * kPage * static_cast<double>(random.below(12));
      op.size = kPage * static_cast<double>(1 + random.below(3));
      break;
    case OpKind::kValidate:
      op.size = random.one_in(2) ? k2M : kPage;
      break;
    default:
      break;
  }
  return op;
}

spec::OpRecord op_on_host(Random& random, bool scarce) {
  spec::OpRecord op = Host::record(OpKind::kSet);
  if (scarce && random.one_in(2)) {
    op = Host::record(OpKind::kPressure);
    op.arg = random.one_in(2) ? kOrder2m : kOrder4k;
    op.size = static_cast<double>(random.below(op.arg == kOrder2m ? 100 : 60000));
    op.extra = static_cast<double>(random.below(1000));
  } else if (random.one_in(2)) {
    op.arg = static_cast<uint32_t>(spec::Switch::kHugepages);
    op.extra = static_cast<double>(random.below(3));
  } else {
    op.arg = static_cast<uint32_t>(spec::Switch::kRmpBusy);
    op.extra = static_cast<double>(random.below(20));
    op.size = static_cast<double>(random.below(20));
  }
  return op;
}

std::vector<spec::OpRecord> stream(Random& random, uint64_t length, double file_size, bool scarce) {
  std::vector<spec::OpRecord> ops;
  for (uint32_t i = 0; i < kFiles; ++i) {
    ops.push_back(create(i, file_size));
    ops.push_back(bind(i, 0, 0, file_size));
  }
  while (ops.size() < length) {
    const uint64_t beside = random.one_in(8) ? 260 + random.below(500) : random.below(20);
    for (uint64_t i = 0; i < beside; ++i) ops.push_back(vcpu_op(random, file_size));
    const uint64_t alone = 1 + random.below(12);
    for (uint64_t i = 0; i < alone; ++i) {
      const auto file = static_cast<uint32_t>(random.below(kFiles));
      ops.push_back(random.one_in(20)  ? op_on_host(random, scarce)
                    : random.one_in(3) ? op_on_objects(random, file, file_size)
                                       : op_on_pages(random, file, file_size));
    }
  }
  return ops;
}

std::string named(const AnyDesign& design) {
  std::string name = "arch " + std::to_string(static_cast<int>(design.arch)) + " knobs";
  const auto* bytes = reinterpret_cast<const uint8_t*>(&design.knobs);
  for (size_t i = 0; i < sizeof(design.knobs); ++i) name.append(" ").append(std::to_string(bytes[i]));
  return name;
}

void whole(const Engine& engine, const std::string& name) {
  for (const std::string& problem : engine.verify()) test::fail(__FILE__, __LINE__, name + ": " + problem);
}

void same(const std::vector<spec::OutcomeRecord>& a, const std::vector<spec::OutcomeRecord>& b,
          const std::vector<spec::OpRecord>& ops, const std::string& name) {
  for (size_t i = 0; i < ops.size() && !test::failed(); ++i) {
    bool equal = a[i].errno_number == b[i].errno_number && a[i].exit == b[i].exit && a[i].has == b[i].has;
    for (int value = 0; value < 4; ++value) equal = equal && a[i].values[value] == b[i].values[value];
    if (!equal) {
      test::fail(__FILE__, __LINE__,
                 name + ": op " + std::to_string(i) + " of kind " + std::to_string(ops[i].kind) + " differs: errno " +
                     std::to_string(a[i].errno_number) + " against " + std::to_string(b[i].errno_number));
    }
  }
}

// Of lanes beside each other: pfns differ, and with them what a merge finds side by side.
void same_beside(const std::vector<spec::OutcomeRecord>& a, const std::vector<spec::OutcomeRecord>& b,
                 const std::vector<spec::OpRecord>& ops, const std::string& name) {
  for (size_t i = 0; i < ops.size() && !test::failed(); ++i) {
    const auto kind = static_cast<OpKind>(ops[i].kind);
    if (kind == OpKind::kMerge || (a[i].errno_number == b[i].errno_number && a[i].exit == b[i].exit)) continue;
    test::fail(__FILE__, __LINE__,
               name + ": op " + std::to_string(i) + " of kind " + std::to_string(ops[i].kind) + " differs: errno " +
                   std::to_string(a[i].errno_number) + " against " + std::to_string(b[i].errno_number));
  }
}

void run_all_ways(Random& random, const AnyDesign& design, bool scarce) {
  const std::string name = named(design);
  const Sizes sizes = sizes_for(design, scarce);
  EngineOptions options = test::options(design.knobs, design.arch, sizes.host);
  options.contents = sizes.host < kGiB;
  const std::vector<spec::OpRecord> ops = stream(random, 3000, sizes.file, scarce);
  Host single(options);
  Host batched(options);
  Host alone(options);
  Host beside(options);
  std::vector<spec::OutcomeRecord> wanted(ops.size());
  std::vector<spec::OutcomeRecord> got(ops.size());
  for (size_t i = 0; i < ops.size(); ++i) wanted[i] = single.run(ops[i]);
  whole(single.engine, name);
  batched.engine.run(ops.data(), ops.size(), got.data());
  whole(batched.engine, name + ", batched");
  same(wanted, got, ops, name + ", batched");
  RunControl control;
  alone.engine.run_on_vcpus(ops.data(), ops.size(), got.data(), 1, control);
  whole(alone.engine, name + ", alone");
  same(wanted, got, ops, name + ", alone");
  for (size_t i = 0; i < spec::kCounters; ++i) {
    const auto counter = static_cast<spec::Counter>(i);
    CHECK_EQ(batched.counter(counter), single.counter(counter));
    CHECK_EQ(alone.counter(counter), single.counter(counter));
  }
  // In pieces: what is verified is the engine between runs.
  constexpr size_t kPiece = 1000;
  const auto threads = static_cast<uint32_t>(2 + random.below(3));
  for (size_t at = 0; at < ops.size() && !test::failed(); at += kPiece) {
    const size_t count = std::min(kPiece, ops.size() - at);
    beside.engine.run_on_vcpus(ops.data() + at, count, got.data() + at, threads, control);
    whole(beside.engine, name + ", beside");
  }
  if (!scarce) same_beside(wanted, got, ops, name + ", beside");
}

TEST(streams_of_any_ops_run_alone_and_beside_alike) {
  Random random(1200);
  for (int round = 0; round < 24 && !test::failed(); ++round) run_all_ways(random, any_design(random), round % 2 == 1);
}

}  // namespace
}  // namespace gmem
