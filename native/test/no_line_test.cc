// No detail line is left, or no array of scattered pfns: the op throws, alone or on a lane, and the engine is whole.
#include <new>
#include <string>
#include <vector>

#include "core/vcpus.h"
#include "test/host.h"
#include "test/private_access.h"
#include "test/test.h"

namespace gmem {

GMEM_EXPOSE(EngineLines, Engine, page_lines_);
GMEM_EXPOSE(LinesNumbers, PageLines, numbers_);
GMEM_EXPOSE(LinesScatters, PageLines, scatters_);
GMEM_EXPOSE(NumbersMost, LineNumbers, most_);

namespace {

using spec::OpKind;
using test::Host;
using test::kMiB;
using test::kPage;
using test::Random;

constexpr double kSize = 128 * kMiB;

void leave_few(Engine& engine, Random& random) {
  PageLines& lines = engine.*private_member(EngineLines{});
  LineNumbers& numbers =
      random.one_in(2) ? lines.*private_member(LinesNumbers{}) : lines.*private_member(LinesScatters{});
  numbers.*private_member(NumbersMost{}) = 1 + random.below(20);
}

spec::OpRecord some_op(Random& random, bool of_a_vcpu) {
  constexpr OpKind kBeside[] = {OpKind::kFault, OpKind::kTouch, OpKind::kGuestWrite};
  constexpr OpKind kAlone[] = {OpKind::kConvert,   OpKind::kPunch,      OpKind::kSplit,   OpKind::kMerge,
                               OpKind::kFallocate, OpKind::kAttributes, OpKind::kPopulate};
  spec::OpRecord op =
      Host::record(of_a_vcpu ? kBeside[random.below(std::size(kBeside))] : kAlone[random.below(std::size(kAlone))]);
  op.vcpu = static_cast<uint16_t>(random.below(4));
  op.address = kPage * static_cast<double>(random.below(static_cast<uint64_t>(kSize / kPage)));
  op.size = kPage * static_cast<double>(of_a_vcpu ? 1 : 1 + random.below(random.one_in(2) ? 3 : 1500));
  op.flags = random.one_in(3) ? 0 : spec::kFlagPrivate;
  if (static_cast<OpKind>(op.kind) == OpKind::kMerge) op.arg = kOrder2m;
  return op;
}

TEST(engine_without_a_line_left_is_whole_alone_and_beside) {
  Random random(1300);
  int thrown[2] = {};
  for (int round = 0; round < 60 && !test::failed(); ++round) {
    const spec::Knobs knobs[] = {test::knobs_4k(), test::knobs_2m(), test::in_place(test::knobs_2m())};
    const spec::Arch arch = random.one_in(2) ? spec::Arch::kSnp : spec::Arch::kNone;
    Host host(test::options(knobs[round % 3], arch, 4 * kSize));
    host.create(0, kSize);
    host.bind(0, 0, kSize, 0);
    leave_few(host.engine, random);
    const bool beside = random.one_in(2);
    for (int piece = 0; piece < 40 && !test::failed(); ++piece) {
      const bool many = random.one_in(3);
      std::vector<spec::OpRecord> ops(many ? 600 : 3);
      for (spec::OpRecord& op : ops) op = some_op(random, many || random.one_in(2));
      RunControl control;
      try {
        host.engine.run_on_vcpus(ops.data(), ops.size(), nullptr, beside ? 3 : 1, control);
      } catch (const std::bad_alloc&) {
        ++thrown[beside && many];
      }
      for (const std::string& problem : host.engine.verify()) CHECK_EQ(problem, "");
    }
  }
  CHECK(thrown[0] > 20 && thrown[1] > 20);
}

}  // namespace
}  // namespace gmem
