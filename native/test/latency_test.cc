#include "core/latency.h"

#include <cstring>
#include <vector>

#include "test/host.h"
#include "test/test.h"

namespace gmem {
namespace {

using spec::OpKind;
using test::Host;
using test::kMiB;
using test::kPage;
using test::Random;

std::vector<spec::OpRecord> guest(uint64_t touches) {
  spec::OpRecord create = Host::record(OpKind::kCreate);
  create.size = 32 * kMiB;
  spec::OpRecord bind = Host::record(OpKind::kBind);
  bind.size = 32 * kMiB;
  std::vector<spec::OpRecord> ops = {create, bind};
  for (uint64_t i = 0; i < touches; ++i) {
    spec::OpRecord op = Host::record(i % 5 == 0 ? OpKind::kPunch : OpKind::kTouch);
    op.address = static_cast<double>(i * 7 % 8192) * kPage;
    op.size = kPage;
    ops.push_back(op);
  }
  return ops;
}

TEST(latency_samples_every_kth_op_and_changes_no_answer) {
  Random random(0x1a7);
  const std::vector<spec::OpRecord> ops = guest(5000);
  Host plain(test::options(test::knobs_2m(), spec::Arch::kNone));
  std::vector<spec::OutcomeRecord> expected(ops.size());
  plain.engine.run(ops.data(), ops.size(), expected.data());
  for (const uint32_t every : {1U, 7U, 61U}) {
    Host sampled(test::options(test::knobs_2m(), spec::Arch::kNone));
    LatencySampler sampler(every);
    std::vector<spec::OutcomeRecord> outcomes(ops.size());
    for (uint64_t done = 0; done < ops.size();) {
      const uint64_t batch = std::min<uint64_t>(1 + random.below(200), ops.size() - done);
      sampler.run(sampled.engine, ops.data() + done, batch, outcomes.data() + done);
      done += batch;
    }
    CHECK_EQ(std::memcmp(outcomes.data(), expected.data(), ops.size() * sizeof(spec::OutcomeRecord)), 0);
    uint64_t samples = 0;
    for (size_t kind = 0; kind < spec::kOpKinds; ++kind) samples += sampler.of(static_cast<OpKind>(kind)).count();
    CHECK_EQ(samples, ops.size() / every);
    CHECK_EQ(sampler.of(OpKind::kFault).count(), 0U);
    CHECK(sampler.of(OpKind::kTouch).count() > sampler.of(OpKind::kPunch).count());
    sampler.run(sampled.engine, ops.data(), 1, nullptr);
  }
}

// Ops that may take long run elsewhere, and count as one among the others.
TEST(latency_of_ops_that_run_elsewhere) {
  std::vector<spec::OpRecord> ops = guest(3000);
  for (size_t i = 5; i < ops.size(); i += 37) {
    ops[i] = Host::record(OpKind::kPunch);
    ops[i].size = 1024 * kMiB;
  }
  Host plain(test::options(test::knobs_2m(), spec::Arch::kNone));
  std::vector<spec::OutcomeRecord> expected(ops.size());
  plain.engine.run(ops.data(), ops.size(), expected.data());
  for (const uint32_t every : {1U, 7U, 37U, 61U}) {
    Host sampled(test::options(test::knobs_2m(), spec::Arch::kNone));
    LatencySampler sampler(every);
    std::vector<spec::OutcomeRecord> outcomes(ops.size());
    uint64_t elsewhere = 0;
    for (uint64_t done = 0; done < ops.size();) {
      const uint64_t ran =
          sampler.run_until_long(sampled.engine, ops.data() + done, ops.size() - done, outcomes.data() + done);
      done += ran;
      if (ran > 0) continue;
      CHECK(sampled.engine.takes_long(ops[done]));
      sampled.engine.run(ops.data() + done, 1, outcomes.data() + done);
      sampler.ran_elsewhere(static_cast<OpKind>(ops[done].kind), 1000);
      ++done;
      ++elsewhere;
    }
    CHECK_EQ(elsewhere, (ops.size() - 5 + 36) / 37);
    CHECK_EQ(std::memcmp(outcomes.data(), expected.data(), ops.size() * sizeof(spec::OutcomeRecord)), 0);
    uint64_t samples = 0;
    for (size_t kind = 0; kind < spec::kOpKinds; ++kind) samples += sampler.of(static_cast<OpKind>(kind)).count();
    CHECK_EQ(samples, ops.size() / every);
  }
}

}  // namespace
}  // namespace gmem
