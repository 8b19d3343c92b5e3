// Which knobs an engine takes: any combination is refused with a reason before anything is made, or runs.
#include <stdexcept>
#include <string>
#include <vector>

#include "test/any_design.h"
#include "test/host.h"
#include "test/test.h"

namespace gmem {
namespace {

using spec::OpKind;
using test::Host;
using test::k2M;
using test::kGiB;
using test::kPage;
using test::Random;

spec::OpRecord any_op(Random& random) {
  constexpr OpKind kKinds[] = {OpKind::kFault,     OpKind::kTouch, OpKind::kConvert, OpKind::kPunch,
                               OpKind::kFallocate, OpKind::kSplit, OpKind::kMerge};
  spec::OpRecord op = Host::record(kKinds[random.below(std::size(kKinds))]);
  op.address = kPage * static_cast<double>(random.below(4 * 512));
  op.size = kPage * static_cast<double>(1 + random.below(600));
  op.flags = random.one_in(2) ? spec::kFlagPrivate : 0;
  op.arg = static_cast<OpKind>(op.kind) == OpKind::kMerge ? kOrder2m : 0;
  return op;
}

TEST(engine_refuses_or_runs_any_knobs) {
  Random random(91);
  int refused = 0;
  int ran = 0;
  for (int round = 0; round < 1000 && !test::failed(); ++round) {
    // Few go together by chance: those are looked for.
    const bool wanted = random.one_in(2);
    spec::Knobs knobs;
    spec::Arch arch;
    const char* reason;
    do {
      knobs = test::any_knobs(random);
      arch = static_cast<spec::Arch>(random.below(spec::kArches));
      reason = spec::unsupported_reason(knobs, arch);
    } while (wanted && reason != nullptr);
    EngineOptions options = test::options(knobs, arch, 4 * kGiB);
    options.contents = false;
    std::string said;
    try {
      Host host(options);
      host.create(0, 2 * kGiB);
      host.bind(0, 0, 2 * kGiB, 0);
      for (int i = 0; i < 20; ++i) host.run(any_op(random));
      for (const std::string& problem : host.engine.verify()) CHECK_EQ(problem, "");
      ++ran;
    } catch (const std::invalid_argument& refusal) {
      said = refusal.what();
      ++refused;
    }
    CHECK_EQ(said, std::string(reason == nullptr ? "" : reason));
  }
  CHECK(refused > 100 && ran > 100);
}

TEST(engine_refuses_too_much_memory) {
  EngineOptions options = test::options(test::knobs_4k(), spec::Arch::kNone, 4 * kGiB);
  for (const uint64_t bytes : {uint64_t{16} << 40, uint64_t{128} << 40, ~uint64_t{0}}) {
    options.memory_bytes = bytes;
    std::string said;
    try {
      const Engine engine(options);
    } catch (const std::invalid_argument& refusal) {
      said = refusal.what();
    }
    CHECK_EQ(said, "host memory of 16 TiB or more");
  }
  // A block less is none too much.
  options.memory_bytes = (uint64_t{16} << 40) - 1;
  options.contents = false;
  Host host(options);
  host.create(0, kGiB);
  host.bind(0, 0, kGiB, 0);
  CHECK_EQ(host.on_vm(OpKind::kTouch, 0, kGiB).errno_number, 0);
}

}  // namespace
}  // namespace gmem
