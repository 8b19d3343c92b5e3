// First faults in one piece (engine_fault_fresh.cc) against the steps they stand for: an engine that faults with map
// beside one that first faults without, which takes the long way, and then with.
#include <cstring>
#include <memory>
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
using test::kPage;

constexpr double kSize = 8 * k2M;

spec::Knobs random_knobs(test::Random& random, spec::Arch arch) {
  spec::Knobs knobs = random.one_in(2) ? test::knobs_2m() : test::knobs_4k();
  if (random.one_in(4)) knobs = test::in_place(knobs);
  knobs.fallback = !random.one_in(4);
  knobs.by_attributes = random.one_in(5);
  // Not `none` on snp: there the second fault calls the hook again.
  const spec::Preparedness kinds[] = {spec::Preparedness::kBitmap, spec::Preparedness::kUptodate,
                                      spec::Preparedness::kRmp, spec::Preparedness::kStateEarly,
                                      spec::Preparedness::kNone};
  knobs.preparedness = kinds[random.below(arch == spec::Arch::kSnp ? 4 : 5)];
  return spec::unsupported_reason(knobs, arch) == nullptr ? knobs : random_knobs(random, arch);
}

void run_both(Host& straight, Host& around, const spec::OpRecord& op) {
  if (op.kind == static_cast<uint8_t>(OpKind::kFault)) {
    spec::OpRecord unmapped = op;
    unmapped.flags |= spec::kFlagNoMap;
    around.run(unmapped);
  }
  const spec::OutcomeRecord wanted = around.run(op);
  const spec::OutcomeRecord got = straight.run(op);
  CHECK_EQ(got.errno_number, wanted.errno_number);
  CHECK_EQ(got.has, wanted.has);
  for (int i = 0; i < 4; ++i) CHECK_EQ(got.values[i], wanted.values[i]);
}

void check_same(Host& straight, Host& around) {
  for (size_t i = 0; i < spec::kCounters; ++i) {
    const auto counter = static_cast<Counter>(i);
    // The refused attempts and the exits of both faults are counted.
    if (counter == Counter::kFallbacks || counter == Counter::kExits) continue;
    CHECK_EQ(straight.counter(counter), around.counter(counter));
  }
  constexpr uint64_t kPages = static_cast<uint64_t>(kSize / kPage);
  std::vector<uint32_t> got(kPages * spec::kPageViewWords);
  std::vector<uint32_t> wanted(got.size());
  CHECK(straight.engine.page_view(0, 0, kPages, got.data()));
  CHECK(around.engine.page_view(0, 0, kPages, wanted.data()));
  CHECK(std::memcmp(got.data(), wanted.data(), got.size() * 4) == 0);
  for (const std::string& problem : straight.engine.verify()) CHECK_EQ(problem, "");
}

TEST(first_faults_are_their_steps) {
  test::Random random(31);
  for (int round = 0; round < 150 && !test::failed(); ++round) {
    const spec::Arch arch = random.one_in(2) ? spec::Arch::kSnp : spec::Arch::kNone;
    const EngineOptions options =
        test::options(random_knobs(random, arch), arch, random.one_in(3) ? 6 * k2M : 64 * k2M);
    Host straight(options);
    Host around(options);
    // Windows that let 2M leaves be, or not; a file that ends inside a block.
    const double size = kSize - (random.one_in(3) ? 5 * kPage : 0);
    const double gpa = random.one_in(3) ? kPage : 0;
    const uint32_t flags = arch == spec::Arch::kNone && random.one_in(2) ? spec::kCreateFlagMmap : 0;
    for (Host* host : {&straight, &around}) {
      host->create(0, size, flags);
      host->bind(0, gpa, size, 0);
    }
    for (int step = 0; step < 120 && !test::failed(); ++step) {
      const double page = gpa + kPage * static_cast<double>(random.below(static_cast<uint64_t>(size / kPage)));
      spec::OpRecord op = Host::record(OpKind::kFault);
      op.address = page;
      op.flags = random.one_in(4) ? 0 : spec::kFlagPrivate;
      op.size = random.one_in(3) ? k2M : kPage;
      switch (random.below(12)) {
        case 0:
          op.kind = static_cast<uint8_t>(OpKind::kAttributes);
          break;
        case 1:
          op.kind = static_cast<uint8_t>(OpKind::kConvert);
          break;
        case 2:
          op.kind = static_cast<uint8_t>(OpKind::kPunch);
          break;
        case 3:
          op.kind = static_cast<uint8_t>(OpKind::kFallocate);
          op.size = kPage;
          break;
        default:
          break;
      }
      run_both(straight, around, op);
    }
    check_same(straight, around);
  }
}

}  // namespace
}  // namespace gmem
