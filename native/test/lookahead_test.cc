// A batch looks ahead, single ops do not: the outcomes are the same, whatever ends in the middle of a batch. Under
// AddressSanitizer this also says that nothing is looked at that is gone.
#include "core/lookahead.h"

#include <string>
#include <vector>

#include "test/host.h"
#include "test/test.h"

namespace gmem {
namespace {

using spec::OpKind;
using test::Host;
using test::kGiB;
using test::kMiB;
using test::kPage;

spec::OpRecord random_op(test::Random& random) {
  spec::OpRecord op = Host::record(OpKind::kFault);
  op.vm = static_cast<uint32_t>(random.below(4));
  op.gmem = static_cast<uint32_t>(random.below(3));
  // Far apart, so that every op is worth looking ahead for; some beyond every slot, some no address at all.
  op.address = kPage * static_cast<double>(random.below(uint64_t{1} << 18));
  op.size = kPage;
  op.flags = random.one_in(4) ? 0 : spec::kFlagPrivate;
  const uint64_t kind = random.below(300);
  if (kind < 40) op.kind = static_cast<uint8_t>(OpKind::kTouch);
  if (kind >= 40 && kind < 70) op.kind = static_cast<uint8_t>(OpKind::kConvert);
  if (kind >= 70 && kind < 74) {
    op.kind = static_cast<uint8_t>(OpKind::kCreate);
    op.size = 512 * kMiB;
  }
  if (kind >= 74 && kind < 80) {
    op.kind = static_cast<uint8_t>(OpKind::kBind);
    op.arg = static_cast<uint32_t>(random.below(2));
    op.address = op.arg * 512 * kMiB;
    op.size = random.one_in(2) ? 0 : 512 * kMiB;
  }
  if (kind == 80) op.kind = static_cast<uint8_t>(OpKind::kClose);
  if (kind == 81 && random.one_in(4)) op.kind = static_cast<uint8_t>(OpKind::kDestroy);
  if (kind == 82) op.vm = 5000;
  if (kind == 83) op.address = -op.address;
  if (kind == 84) op.address = 1e300;
  return op;
}

TEST(batches_answer_what_single_ops_answer) {
  test::Random random(51);
  for (const spec::Conversion conversion : {spec::Conversion::kDiscard, spec::Conversion::kInPlace}) {
    for (int round = 0; round < 6 && !test::failed(); ++round) {
      spec::Knobs knobs = round % 2 == 0 ? test::knobs_4k() : test::knobs_2m();
      if (conversion == spec::Conversion::kInPlace) knobs = test::in_place(knobs);
      EngineOptions options = test::options(knobs, round < 3 ? spec::Arch::kSnp : spec::Arch::kNone, 4 * kGiB);
      options.contents = false;
      Host batched(options);
      Host single(options);
      std::vector<spec::OpRecord> ops(4000);
      for (spec::OpRecord& op : ops) op = random_op(random);
      for (uint32_t i = 0; i < 3; ++i) {
        ops[2 * i] = Host::record(OpKind::kCreate);
        ops[2 * i].size = 512 * kMiB;
        ops[2 * i + 1] = Host::record(OpKind::kBind);
        ops[2 * i + 1].size = 512 * kMiB;
        ops[2 * i].vm = ops[2 * i].gmem = ops[2 * i + 1].vm = ops[2 * i + 1].gmem = i;
      }
      std::vector<spec::OutcomeRecord> outcomes(ops.size());
      batched.engine.run(ops.data(), ops.size(), outcomes.data());
      for (size_t i = 0; i < ops.size() && !test::failed(); ++i) {
        const spec::OutcomeRecord wanted = single.run(ops[i]);
        CHECK_EQ(outcomes[i].errno_number, wanted.errno_number);
        CHECK_EQ(outcomes[i].has, wanted.has);
        CHECK_EQ(outcomes[i].exit, wanted.exit);
        for (int value = 0; value < 4; ++value) CHECK_EQ(outcomes[i].values[value], wanted.values[value]);
      }
      for (size_t i = 0; i < spec::kCounters; ++i) {
        CHECK_EQ(batched.counter(static_cast<spec::Counter>(i)), single.counter(static_cast<spec::Counter>(i)));
      }
      for (const std::string& problem : batched.engine.verify()) CHECK_EQ(problem, "");
    }
  }
}

}  // namespace
}  // namespace gmem
