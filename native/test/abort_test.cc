// Ops that are told to end somewhere inside: whatever they had done, the engine is whole, and the same op again leaves
// what one that nobody ended leaves.
#include <sys/time.h>

#include <atomic>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "test/host.h"
#include "test/private_access.h"
#include "test/test.h"

namespace gmem {

GMEM_EXPOSE(AbortLane, Engine, lane_);

namespace {

using spec::OpKind;
using test::Design;
using test::Host;
using test::in_place;
using test::k2M;
using test::kGiB;
using test::kMiB;
using test::kPage;
using test::Random;

// The first file has pages. The second has kinds only: many blocks of its slot differ inside, so do unbound gfns.
constexpr double kFull = 48 * kMiB;
constexpr double kWide = 12 * kGiB;
constexpr double kHost = 256 * kMiB;
constexpr double kWideGpa = 64 * kGiB;
constexpr double kUnboundGpa = 128 * kGiB;

std::vector<Design> designs() {
  spec::Knobs keep = test::knobs_2m();
  keep.punch = spec::Punch::kKeep;
  spec::Knobs early = in_place(test::knobs_2m());
  early.preparedness = spec::Preparedness::kStateEarly;
  early.promote = spec::Promote::kRebuild;
  spec::Knobs pool = in_place(test::knobs_2m());
  pool.source = spec::Source::kPool;
  pool.fallback = false;
  pool.punch = spec::Punch::kZero;
  pool.metadata = spec::Metadata::kHvo;
  spec::Knobs deferred = pool;
  deferred.merge = spec::Merge::kDeferred;
  spec::Knobs natural = pool;
  natural.metadata = spec::Metadata::kStructPage;
  natural.shared_order = spec::SharedOrder::kNatural;
  natural.split_to = spec::SplitTo::kNone;
  return {
      {"4K snp", test::knobs_4k(), spec::Arch::kSnp},
      {"4K", test::knobs_4k(), spec::Arch::kNone},
      {"2M", test::knobs_2m(), spec::Arch::kNone},
      {"2M tdx", test::knobs_2m(), spec::Arch::kTdx},
      {"2M kept", keep, spec::Arch::kSnp},
      {"in place", in_place(test::knobs_2m()), spec::Arch::kSnp},
      {"in place tdx", in_place(test::knobs_4k()), spec::Arch::kTdx},
      {"early", early, spec::Arch::kSnp},
      {"pool", pool, spec::Arch::kNone},
      {"deferred", deferred, spec::Arch::kSnp},
      {"natural", natural, spec::Arch::kSnp},
  };
}

spec::OpRecord op_of(OpKind kind, double address, double size, uint8_t flags = 0, uint32_t arg = 0, uint32_t gmem = 0) {
  spec::OpRecord op = Host::record(kind);
  op.address = address;
  op.size = size;
  op.flags = flags;
  op.arg = arg;
  op.gmem = gmem;
  return op;
}
const spec::OpRecord kBindWide = op_of(OpKind::kBind, kWideGpa, kWide, 0, 1, 1);
const spec::OpRecord kUnbindWide = op_of(OpKind::kBind, 0, 0, 0, 1);

// Sets a flag after so many microseconds, by a signal in the midst of what this thread does then: on a busy machine
// another thread may come too late.
class Alarm {
 public:
  Alarm(std::atomic<bool>& flag, uint64_t microseconds) {
    flag_ = &flag;
    struct sigaction action {};
    action.sa_handler = [](int) { flag_->store(true, std::memory_order_relaxed); };
    sigaction(SIGALRM, &action, &before_);
    set(microseconds);
  }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm() {
    set(0);
    sigaction(SIGALRM, &before_, nullptr);
  }

 private:
  static void set(uint64_t microseconds) {
    itimerval time{};
    time.it_value.tv_usec = static_cast<suseconds_t>(microseconds);
    setitimer(ITIMER_REAL, &time, nullptr);
  }

  static inline std::atomic<bool>* flag_ = nullptr;
  struct sigaction before_;
};

// Two engines that are asked for the same: in one of them ops are told to end, and asked for again.
class Pair {
 public:
  explicit Pair(const Design& design)
      : name_(design.name),
        by_attributes_(design.knobs.conversion == spec::Conversion::kDiscard),
        // Elsewhere what is asked for again finds less to do: pages that turned are neither merged nor prepared early
        // then, and what natural order records is in two pieces.
        same_(design.knobs.merge == spec::Merge::kNever && design.knobs.shared_order != spec::SharedOrder::kNatural &&
              design.knobs.preparedness != spec::Preparedness::kStateEarly),
        cut_(test::options(design.knobs, design.arch, kHost)),
        whole_(test::options(design.knobs, design.arch, kHost)) {
    both(op_of(OpKind::kCreate, 0, kFull));
    both(op_of(OpKind::kCreate, 0, kWide, 0, 0, 1));
    both(op_of(OpKind::kBind, 0, kFull));
    both(kBindWide);
    both(turn(0, kFull, true));
  }

  spec::OpRecord turn(double gpa, double size, bool to_private) const {
    return op_of(by_attributes_ ? OpKind::kAttributes : OpKind::kConvert, gpa, size,
                 to_private ? spec::kFlagPrivate : 0);
  }
  // Pages here and there get a kind: many more ranges of gfns than are moved between two looks.
  void scatter(Random& random) {
    for (const double gpa : {kWideGpa, kUnboundGpa}) {
      for (double at = gpa; at < gpa + kWide; at += kMiB) {
        both(turn(at + static_cast<double>(random.below(256)) * kPage, kPage, random.one_in(2)));
      }
    }
  }

  void both(const spec::OpRecord& op) {
    cut_.run(op);
    whole_.run(op);
  }
  // Runs the op in the engine where ops end, and tells it to end after a moment. True when it did not run whole.
  bool ended(const spec::OpRecord& op, Random& random) {
    RunControl control;
    uint64_t ran;
    {
      const Alarm alarm(control.abort, 1 + random.below(uint64_t{1} << random.below(12)));
      ran = cut_.engine.run_on_vcpus(&op, 1, nullptr, 1, control);
    }
    for (const std::string& problem : cut_.engine.verify()) test::fail(__FILE__, __LINE__, name_ + ": " + problem);
    cuts_ += ran == 0;
    return ran == 0;
  }
  void run(const spec::OpRecord& op, Random& random) {
    int left = 3;
    while (left > 0 && ended(op, random)) --left;
    if (left == 0) cut_.run(op);
    whole_.run(op);
  }
  // What was ended in between may have left a slot that ends earlier.
  void bind_again(Random& random) {
    run(kUnbindWide, random);
    if (ended(kBindWide, random)) {
      cut_.run(kUnbindWide);
      cut_.run(kBindWide);
    }
    whole_.run(kBindWide);
  }

  void compare() const {
    constexpr uint64_t kPages = static_cast<uint64_t>(kFull / kPage);
    const Run<Index> all{{0}, {static_cast<uint64_t>(kWide / kPage)}};
    std::vector<uint32_t> a(kPages * spec::kPageViewWords);
    std::vector<uint32_t> b(a.size());
    for (uint32_t gmem = 0; same_ && gmem < 2; ++gmem) {
      CHECK_EQ(cut_.engine.page_view(gmem, 0, kPages, a.data()), whole_.engine.page_view(gmem, 0, kPages, b.data()));
      if (a != b) test::fail(__FILE__, __LINE__, name_ + ": pages differ");
      for (const uint32_t bit : {spec::kPageBitShared, spec::kPageBitBound}) {
        CHECK_EQ(cut_.engine.count_pages(gmem, all, {bit, 0, 0}), whole_.engine.count_pages(gmem, all, {bit, 0, 0}));
      }
    }
  }
  std::pair<uint64_t, uint64_t> merged() const {
    return {static_cast<uint64_t>(cut_.counter(spec::Counter::kMerges2m)),
            static_cast<uint64_t>(whole_.counter(spec::Counter::kMerges2m))};
  }
  bool by_attributes() const { return by_attributes_; }
  uint64_t cuts() const { return cuts_; }

 private:
  const std::string name_;
  const bool by_attributes_;
  const bool same_;
  Host cut_;
  Host whole_;
  uint64_t cuts_ = 0;
};

spec::OpRecord some_op(const Pair& pair, Random& random) {
  const double first = static_cast<double>(random.below(8)) * k2M;
  const double size = random.one_in(2) ? kFull - first : static_cast<double>(1 + random.below(12)) * k2M;
  const bool to_private = random.one_in(2);
  switch (random.below(10)) {
    case 0:
      return pair.turn(kWideGpa, kWide, to_private);
    case 1:
      return pair.turn(pair.by_attributes() ? kUnboundGpa : kWideGpa, kWide, to_private);
    case 2:
    case 3:
      return op_of(OpKind::kConvert, first, size, to_private ? spec::kFlagPrivate : 0);
    case 4:
      return op_of(OpKind::kSplit, first, size);
    case 5:
      return op_of(OpKind::kMerge, first, size, 0, kOrder2m);
    case 6:
      return op_of(OpKind::kPunch, first, size);
    case 7:
      return op_of(OpKind::kFallocate, first, size);
    default:
      return op_of(OpKind::kTouch, first, size);
  }
}

// A slot whose deletion was ended has lost its top: the lane that met it knows its old end no more.
TEST(what_a_lane_met_ends_where_the_slot_ends) {
  Host host(test::options(test::knobs_2m(), spec::Arch::kSnp, 1 * kGiB));
  constexpr double kSize = 256 * kMiB;
  host.create(0, kSize);
  host.bind(1, 0, kSize, 0);
  CHECK(host.fault(kSize - k2M, false).exit != 0);
  std::atomic<bool> abort{true};
  Lane& lane = host.engine.*private_member(AbortLane{});
  lane.abort = &abort;
  host.bind(1, 0, 0, 0);
  lane.abort = nullptr;
  lane.stop = Lane::Stop::kNo;
  CHECK_EQ(host.fault(kSize - k2M, true).errno_number, spec::kEFAULT);
  for (const std::string& problem : host.engine.verify()) CHECK_EQ(problem, "");
}

TEST(ops_that_end_inside_can_be_gone_on_with) {
  uint64_t cuts = 0;
  uint64_t purpose = 700;
  for (const Design& design : designs()) {
    Random random(++purpose);
    Pair pair(design);
    for (int round = 0; round < 2 && !test::failed(); ++round) {
      pair.scatter(random);
      pair.bind_again(random);
      for (int i = 0; i < 9; ++i) pair.run(some_op(pair, random), random);
      pair.compare();
    }
    pair.run(op_of(OpKind::kClose, 0, 0), random);
    pair.run(op_of(OpKind::kClose, 0, 0, 0, 0, 1), random);
    pair.run(Host::record(OpKind::kDestroy), random);
    pair.compare();
    cuts += pair.cuts();
  }
  CHECK(cuts > 0);
}

// Merges that are due after an op are tried by the next one where they were told to end.
TEST(merges_that_were_due_are_not_lost) {
  Random random(710);
  spec::Knobs knobs = in_place(test::knobs_2m());
  knobs.merge = spec::Merge::kDeferred;
  Pair pair({"due", knobs, spec::Arch::kNone});
  const spec::OpRecord touch = op_of(OpKind::kTouch, 0, kPage);
  uint64_t merged = 0;
  for (int round = 0; round < 20 && !test::failed(); ++round) {
    pair.both(op_of(OpKind::kTouch, 0, kFull));
    for (double gpa = 0; gpa < kFull; gpa += k2M) pair.both(pair.turn(gpa + kPage, kPage, false));
    pair.both(pair.turn(0, kFull, true));
    for (int i = 0; i < 1023; ++i) pair.both(touch);
    // The op that merges come after may be the one that is ended.
    pair.run(touch, random);
    pair.both(touch);
    merged += static_cast<uint64_t>(kFull / k2M);
    CHECK(pair.merged() == std::pair(merged, merged));
  }
}

// A VM that goes with its last file, and pins: told to end again and again until it is done.
TEST(ops_that_end_inside_end_at_last) {
  Random random(720);
  for (const spec::Arch arch : {spec::Arch::kNone, spec::Arch::kSnp}) {
    Pair pair({"the end", test::knobs_4k(), arch});
    pair.scatter(random);
    pair.both(op_of(OpKind::kAttributes, 0, kFull));
    pair.both(op_of(OpKind::kTouch, 0, kFull));
    pair.run(op_of(OpKind::kPressure, 0, 14000, 0, kOrder4k), random);
    pair.both(op_of(OpKind::kPin, 0, kFull));
    pair.both(op_of(OpKind::kClose, 0, 0, 0, 0, 1));
    pair.both(Host::record(OpKind::kDestroy));
    while (pair.ended(op_of(OpKind::kClose, 0, 0), random)) continue;
    for (int i = 0; i < 3; ++i) pair.ended(op_of(OpKind::kUnpin, 0, kFull), random);
  }
}

}  // namespace
}  // namespace gmem
