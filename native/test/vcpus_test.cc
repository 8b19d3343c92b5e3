// Runs on vCPU threads against the same stream on one: outcomes, counters, invariants (docs/threads.md says what may
// differ).
#include "core/vcpus.h"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "test/host.h"
#include "test/test.h"

namespace gmem {
namespace {

using spec::Counter;
using spec::OpKind;
using test::Design;
using test::Host;
using test::k2M;
using test::kGiB;
using test::kMiB;
using test::kPage;
using test::Random;

constexpr uint32_t kVcpus = 5;

spec::Knobs in_place(const spec::Knobs& knobs) {
  spec::Knobs made = test::in_place(knobs);
  made.lock = spec::Lock::kDedicated;
  return made;
}

spec::Knobs pooled(spec::Hugepages size, spec::Metadata metadata) {
  spec::Knobs knobs = in_place(test::knobs_2m());
  knobs.hugepages = size;
  knobs.fallback = false;
  knobs.source = spec::Source::kPool;
  knobs.punch = spec::Punch::kZero;
  knobs.merge = spec::Merge::kEager;
  knobs.preparedness = spec::Preparedness::kNone;
  knobs.metadata = metadata;
  return knobs;
}

std::vector<Design> designs() {
  spec::Knobs early = in_place(test::knobs_2m());
  early.preparedness = spec::Preparedness::kStateEarly;
  early.lock = spec::Lock::kMmuRead;
  spec::Knobs narrow = test::knobs_2m();
  narrow.lock = spec::Lock::kPfnOnly;
  // Merges come due between ops of vCPUs.
  spec::Knobs deferred = pooled(spec::Hugepages::k2M, spec::Metadata::kHvo);
  deferred.merge = spec::Merge::kDeferred;
  deferred.promote = spec::Promote::kRebuild;
  spec::Knobs sept = deferred;
  sept.promote = spec::Promote::kSept;
  sept.refs = spec::Refs::kFrozen;
  return {
      {"4K", test::knobs_4k(), spec::Arch::kNone},
      {"4K snp", test::knobs_4k(), spec::Arch::kSnp},
      {"2M", narrow, spec::Arch::kNone},
      {"2M snp", test::knobs_2m(), spec::Arch::kSnp},
      {"2M in place snp", in_place(test::knobs_2m()), spec::Arch::kSnp},
      {"2M in place", in_place(test::knobs_2m()), spec::Arch::kNone},
      {"early snp", early, spec::Arch::kSnp},
      {"pool 2M", pooled(spec::Hugepages::k2M, spec::Metadata::kStructPage), spec::Arch::kSnp},
      {"pool 2M hvo", pooled(spec::Hugepages::k2M, spec::Metadata::kHvo), spec::Arch::kSnp},
      {"2M tdx", test::knobs_2m(), spec::Arch::kTdx},
      {"pool 2M deferred snp", deferred, spec::Arch::kSnp},
      {"pool 2M deferred", deferred, spec::Arch::kNone},
      {"pool 2M deferred tdx", sept, spec::Arch::kTdx},
      {"pool 1G hvo", pooled(spec::Hugepages::k1G, spec::Metadata::kHvo), spec::Arch::kNone},
  };
}

spec::OpRecord op_of(OpKind kind, uint16_t vcpu, double address, double size, uint8_t flags = 0, uint32_t arg = 0) {
  spec::OpRecord op = Host::record(kind);
  op.vcpu = vcpu;
  op.address = address;
  op.size = size;
  op.flags = flags;
  op.arg = arg;
  return op;
}

spec::OpRecord binding(uint32_t slot, double gpa, double size, double offset) {
  spec::OpRecord op = op_of(OpKind::kBind, 0, gpa, size, 0, slot);
  op.extra = offset;
  return op;
}

// Two slots, the second shifted against its indexes so that it maps no 2M; a guest of `blocks` blocks in the first.
struct Layout {
  uint64_t blocks;
  double first_size() const { return static_cast<double>(blocks) * k2M; }
  double second_gpa() const { return first_size() + 4 * k2M + kPage; }
  double second_size() const { return 8 * k2M; }
};

// Long stretches of vCPU ops with single other ops between them. Bytes are moved only in pages of the vCPU's own, where
// what is read does not depend on who came first.
std::vector<spec::OpRecord> random_stream(Random& random, const Layout& layout, uint64_t length, bool may_reserve) {
  std::vector<spec::OpRecord> ops;
  const double file = layout.first_size() + layout.second_size();
  spec::OpRecord create = op_of(OpKind::kCreate, 0, 0, file);
  ops.push_back(create);
  ops.push_back(binding(0, 0, layout.first_size(), 0));
  ops.push_back(binding(1, layout.second_gpa(), layout.second_size(), layout.first_size()));
  // Blocks that turn shared in part and private again: designs that merge later do so among ops of vCPUs.
  ops.push_back(op_of(OpKind::kConvert, 0, 0, layout.first_size(), spec::kFlagPrivate));
  for (const uint64_t block : {3U, 40U, 80U}) {
    const double gpa = static_cast<double>(block) * k2M;
    ops.push_back(op_of(OpKind::kTouch, 0, gpa, k2M));
    ops.push_back(op_of(OpKind::kConvert, 0, gpa + 3 * kPage, 5 * kPage, 0));
    ops.push_back(op_of(OpKind::kConvert, 0, gpa, k2M, spec::kFlagPrivate));
  }
  const auto pages = static_cast<uint64_t>(layout.first_size() / kPage);
  const auto second = static_cast<uint64_t>(layout.second_size() / kPage);
  const auto some_gpa = [&]() {
    switch (random.below(16)) {
      case 0:
        return layout.second_gpa() + static_cast<double>(random.below(second)) * kPage;
      case 1:
        return layout.first_size() + static_cast<double>(random.below(64)) * kPage;
      default: {
        // Some blocks are met often.
        const uint64_t page = random.below(2) == 0 ? random.below(pages) : random.below(pages / 8);
        return static_cast<double>(page) * kPage;
      }
    }
  };
  while (ops.size() < length) {
    const uint64_t beside = 300 + random.below(2000);
    for (uint64_t i = 0; i < beside; ++i) {
      const auto vcpu = static_cast<uint16_t>(random.below(kVcpus));
      switch (random.below(10)) {
        case 0:
        case 1:
        case 2:
          ops.push_back(op_of(OpKind::kFault, vcpu, some_gpa(), 0,
                              static_cast<uint8_t>((random.below(4) != 0 ? spec::kFlagPrivate : 0) |
                                                   (random.below(8) == 0 ? spec::kFlagNoMap : 0))));
          break;
        case 3: {
          // The vCPU's own pages.
          const uint64_t page = random.below(pages / kVcpus) * kVcpus + vcpu;
          const bool write = random.below(2) == 0;
          ops.push_back(op_of(write ? OpKind::kGuestWrite : OpKind::kGuestRead, vcpu,
                              static_cast<double>(page) * kPage + static_cast<double>(random.below(2048)),
                              static_cast<double>(1 + random.below(2048)), 0,
                              static_cast<uint32_t>(random.below(256))));
          break;
        }
        case 4:
          ops.push_back(op_of(OpKind::kTouch, vcpu, some_gpa(), static_cast<double>(random.below(600)) * kPage));
          break;
        default:
          ops.push_back(op_of(OpKind::kTouch, vcpu, some_gpa(), kPage));
          break;
      }
    }
    const double at = static_cast<double>(random.below(layout.blocks)) * k2M;
    switch (random.below(may_reserve ? 9 : 8)) {
      case 0:
        ops.push_back(op_of(OpKind::kConvert, 0, at, k2M, random.below(2) == 0 ? spec::kFlagPrivate : 0));
        break;
      case 1:
        ops.push_back(op_of(OpKind::kConvert, 0, at + 7 * kPage, 9 * kPage, 0));
        break;
      case 2:
        ops.push_back(op_of(OpKind::kConvert, 0, 0, layout.first_size(), spec::kFlagPrivate));
        break;
      case 3:
        ops.push_back(op_of(OpKind::kPunch, 0, at, k2M));
        break;
      case 4:
        ops.push_back(op_of(OpKind::kSplit, 0, at, k2M));
        break;
      case 5:
        ops.push_back(op_of(OpKind::kMerge, 0, at, k2M, 0, kOrder2m));
        break;
      case 6:
        // There and back: what designs that merge later wait for.
        ops.push_back(op_of(OpKind::kConvert, 0, at + 3 * kPage, 5 * kPage, 0));
        ops.push_back(op_of(OpKind::kConvert, 0, at, k2M, spec::kFlagPrivate));
        break;
      case 7:
        ops.push_back(op_of(OpKind::kPoison, 0, at + 5 * kPage, kPage));
        break;
      default: {
        spec::OpRecord op =
            op_of(OpKind::kPressure, 0, 0, static_cast<double>(random.below(layout.blocks)), 0, kOrder2m);
        ops.push_back(op);
        break;
      }
    }
  }
  return ops;
}

struct Ran {
  std::vector<spec::OutcomeRecord> outcomes;
  double counters[spec::kCounters];
  double errors[Engine::kErrnos];
  VcpuFigures figures;
};

Ran run(const EngineOptions& options, const std::vector<spec::OpRecord>& ops, uint32_t threads) {
  Engine engine(options);
  Ran ran;
  ran.outcomes.resize(ops.size());
  RunControl control;
  if (threads == 0) {
    engine.run(ops.data(), ops.size(), ran.outcomes.data());
  } else {
    // Two calls: the second starts in the middle of an epoch.
    const uint64_t half = ops.size() / 2 + 17;
    CHECK_EQ(engine.run_on_vcpus(ops.data(), half, ran.outcomes.data(), threads, control), half);
    CHECK_EQ(engine.run_on_vcpus(ops.data() + half, ops.size() - half, ran.outcomes.data() + half, threads, control),
             ops.size() - half);
  }
  engine.counters(ran.counters);
  engine.errors(ran.errors);
  ran.figures = engine.vcpu_figures();
  for (const std::string& problem : engine.verify()) test::fail(__FILE__, __LINE__, problem);
  return ran;
}

void compare(const Design& design, const std::vector<spec::OpRecord>& ops, const Ran& one, const Ran& many) {
  for (size_t i = 0; i < ops.size() && !test::failed(); ++i) {
    const spec::OutcomeRecord& a = one.outcomes[i];
    const spec::OutcomeRecord& b = many.outcomes[i];
    bool same = a.errno_number == b.errno_number && a.exit == b.exit && a.has == b.has;
    for (int value = 0; value < 4; ++value) {
      const bool pfn = static_cast<OpKind>(ops[i].kind) == OpKind::kFault && value == spec::kFaultPfn;
      same = same && (pfn || a.values[value] == b.values[value]);
    }
    if (!same) {
      test::fail(__FILE__, __LINE__,
                 std::string(design.name) + ": op " + std::to_string(i) + " of kind " + std::to_string(ops[i].kind) +
                     " answered errno " + std::to_string(b.errno_number) + " for " + std::to_string(a.errno_number));
    }
  }
  for (size_t i = 0; i < spec::kCounters; ++i) {
    const auto counter = static_cast<Counter>(i);
    if (counter == Counter::kStrandedPagesEnd) continue;
    // Without tracking every explicit fault calls the hook, a touch only where it comes first.
    if (counter == Counter::kPrepares && design.knobs.preparedness == spec::Preparedness::kNone) continue;
    if (one.counters[i] == many.counters[i]) continue;
    test::fail(__FILE__, __LINE__,
               std::string(design.name) + ": counter " + std::to_string(i) + " is " + std::to_string(many.counters[i]) +
                   " for " + std::to_string(one.counters[i]));
  }
  for (size_t i = 0; i < Engine::kErrnos; ++i) CHECK_EQ(one.errors[i], many.errors[i]);
}

TEST(vcpu_threads_count_what_one_thread_counts) {
  uint64_t purpose = 0;
  for (const Design& design : designs()) {
    Random random(++purpose);
    const bool giant = design.knobs.hugepages == spec::Hugepages::k1G;
    const Layout layout{giant ? uint64_t{1016} : uint64_t{120}};
    const std::vector<spec::OpRecord> ops = random_stream(random, layout, 12000, false);
    const EngineOptions options = test::options(design.knobs, design.arch, giant ? 4 * kGiB : 1 * kGiB);
    const Ran one = run(options, ops, 0);
    const bool deferred = design.knobs.merge == spec::Merge::kDeferred;
    CHECK(!deferred || one.counters[static_cast<size_t>(Counter::kMerges2m)] > 0);
    for (const uint32_t threads : {1U, 2U, 4U}) {
      const Ran many = run(options, ops, threads);
      compare(design, ops, one, many);
      CHECK_EQ(many.figures.ops_alone + many.figures.ops_beside, uint64_t{ops.size()});
      if (threads > 1) CHECK(many.figures.epochs > 0);
    }
  }
}

// Another processor is busy in the RMP now and then: whom it holds up is as with one thread. Epochs run beside each
// other all the same, where it is not.
TEST(vcpu_threads_are_held_up_as_one_thread_is) {
  for (const Design& design : designs()) {
    if (design.arch != spec::Arch::kSnp) continue;
    Random random(91);
    const std::vector<spec::OpRecord> plain = random_stream(random, Layout{120}, 12000, false);
    // Busy in every other stretch, the first long one among them: later most pages have their entries.
    std::vector<spec::OpRecord> ops;
    bool busy = true;
    for (const spec::OpRecord& op : plain) {
      const auto kind = static_cast<OpKind>(op.kind);
      const bool vcpu =
          kind == OpKind::kTouch || kind == OpKind::kFault || kind == OpKind::kGuestRead || kind == OpKind::kGuestWrite;
      if (!vcpu) {
        busy = !busy;
        spec::OpRecord set = op_of(OpKind::kSet, 0, 0, static_cast<double>(random.below(5)), 0,
                                   static_cast<uint32_t>(spec::Switch::kRmpBusy));
        set.extra = busy ? static_cast<double>(1 + random.below(60)) : 0;
        ops.push_back(set);
      }
      ops.push_back(op);
    }
    const EngineOptions options = test::options(design.knobs, design.arch, 1 * kGiB);
    const Ran one = run(options, ops, 0);
    CHECK(one.counters[static_cast<size_t>(Counter::kRmpupdateFailed)] > 0);
    for (const uint32_t threads : {2U, 4U}) {
      const Ran many = run(options, ops, threads);
      compare(design, ops, one, many);
      CHECK(many.figures.epochs > 0);
    }
  }
}

// Memory runs out in the middle: who is refused is as with one thread, where frames of one size are all there is.
TEST(vcpu_threads_are_refused_as_one_thread_is) {
  std::vector<Design> all = designs();
  for (const spec::Arch arch : {spec::Arch::kNone, spec::Arch::kSnp}) {
    spec::Knobs small = test::knobs_4k();
    small.shared_order = spec::SharedOrder::k4K;
    all.push_back({"4K only", small, arch});
  }
  for (const Design& design : all) {
    if (design.knobs.source == spec::Source::kPool) continue;
    Random random(77);
    const Layout layout{120};
    const std::vector<spec::OpRecord> ops = random_stream(random, layout, 8000, false);
    // Less than the guest has.
    const EngineOptions options = test::options(design.knobs, design.arch, 160 * kMiB);
    const Ran one = run(options, ops, 0);
    CHECK(one.errors[spec::kENOMEM] > 0);
    for (const uint32_t threads : {2U, 4U}) {
      const Ran many = run(options, ops, threads);
      CHECK(many.errors[spec::kENOMEM] > 0);
      CHECK(many.figures.stalls > 0);
      const bool one_size =
          design.knobs.hugepages == spec::Hugepages::kOff && design.knobs.shared_order == spec::SharedOrder::k4K;
      if (one_size) compare(design, ops, one, many);
    }
  }
}

// Between epochs slots move: what a lane met of one is nothing it may go by when the next epoch begins.
TEST(vcpu_threads_go_by_slots_that_are_there) {
  Random random(77);
  uint64_t epochs = 0;
  for (int round = 0; round < 24 && !test::failed(); ++round) {
    const spec::Knobs knobs =
        round % 3 == 0 ? test::knobs_4k() : (round % 3 == 1 ? test::knobs_2m() : in_place(test::knobs_2m()));
    constexpr uint64_t kBlocks = 32;
    std::vector<spec::OpRecord> ops;
    spec::OpRecord create = Host::record(OpKind::kCreate);
    create.size = kBlocks * k2M;
    ops.push_back(create);
    const auto any_vcpu = [&] { return static_cast<uint16_t>(random.below(9)); };
    for (int epoch = 0; epoch < 8; ++epoch) {
      const double first = static_cast<double>(random.below(40)) * k2M + static_cast<double>(random.below(512)) * kPage;
      const double size = static_cast<double>(4 + random.below(kBlocks - 4)) * k2M;
      const auto within = [&] {
        return first + static_cast<double>(random.below(static_cast<uint64_t>(size / kPage))) * kPage;
      };
      ops.push_back(binding(0, first, size, 0));
      for (int i = 0; i < 700; ++i) {
        const double at = random.one_in(8) ? static_cast<double>(random.below(80 * 512)) * kPage : within();
        ops.push_back(random.one_in(3)
                          ? op_of(OpKind::kTouch, any_vcpu(), at, kPage)
                          : op_of(OpKind::kFault, any_vcpu(), at, 0, random.one_in(6) ? 0 : spec::kFlagPrivate));
      }
      if (random.one_in(3)) ops.push_back(op_of(OpKind::kPunch, 0, 0, kBlocks * k2M));
      ops.push_back(binding(0, 0, 0, 0));
      for (int i = 0; i < 300; ++i) ops.push_back(op_of(OpKind::kFault, any_vcpu(), within(), 0, spec::kFlagPrivate));
    }
    Host one(test::options(knobs, spec::Arch::kSnp, 512 * kMiB));
    Host many(test::options(knobs, spec::Arch::kSnp, 512 * kMiB));
    std::vector<spec::OutcomeRecord> wanted(ops.size());
    std::vector<spec::OutcomeRecord> got(ops.size());
    RunControl control;
    one.engine.run_on_vcpus(ops.data(), ops.size(), wanted.data(), 1, control);
    many.engine.run_on_vcpus(ops.data(), ops.size(), got.data(), 3, control);
    for (size_t i = 0; i < ops.size() && !test::failed(); ++i) {
      CHECK_EQ(got[i].errno_number, wanted[i].errno_number);
      CHECK_EQ(got[i].exit, wanted[i].exit);
    }
    for (const std::string& problem : many.engine.verify()) CHECK_EQ(problem, "");
    epochs += many.engine.vcpu_figures().epochs;
  }
  CHECK(epochs > 100);
}

// A run that was told to end stops, says how far it came, and leaves a whole engine that goes on.
TEST(vcpu_threads_end_when_told) {
  Engine engine(test::options(test::knobs_4k(), spec::Arch::kSnp, 64 * kGiB));
  const spec::OpRecord setup[] = {op_of(OpKind::kCreate, 0, 0, 32 * kGiB), binding(0, 0, 32 * kGiB, 0)};
  engine.run(setup, 2, nullptr);
  for (const uint32_t threads : {1U, 3U}) {
    std::vector<spec::OpRecord> ops;
    for (uint16_t vcpu = 0; vcpu < 600; ++vcpu) {
      ops.push_back(op_of(OpKind::kTouch, vcpu, vcpu * 48 * kMiB, 48 * kMiB));
    }
    RunControl control;
    std::thread stopper([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(threads == 1 ? 2 : 5));
      control.abort.store(true);
    });
    const uint64_t ran = engine.run_on_vcpus(ops.data(), ops.size(), nullptr, threads, control);
    stopper.join();
    CHECK(ran <= ops.size());
    CHECK_EQ(engine.run_on_vcpus(ops.data(), ops.size(), nullptr, threads, control), uint64_t{0});
    for (const std::string& problem : engine.verify()) test::fail(__FILE__, __LINE__, problem);
  }
  RunControl free_run;
  const spec::OpRecord close = op_of(OpKind::kClose, 0, 0, 0);
  CHECK_EQ(engine.run_on_vcpus(&close, 1, nullptr, 2, free_run), uint64_t{1});
  double counters[spec::kCounters];
  engine.counters(counters);
  CHECK_EQ(counters[static_cast<size_t>(Counter::kHostPagesEnd)], 0.0);
}

}  // namespace
}  // namespace gmem
