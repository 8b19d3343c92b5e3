// Batches end before an op that may take long: which those are, and that nothing else ends one.
#include <vector>

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

spec::OpRecord op_of(OpKind kind, double size, uint32_t arg = 0) {
  spec::OpRecord op = Host::record(kind);
  op.size = size;
  op.arg = arg;
  return op;
}

TEST(batches_know_what_takes_long) {
  Host host(test::options(test::knobs_2m(), spec::Arch::kNone, 2 * kGiB));
  const auto takes_long = [&](OpKind kind, double size, uint32_t arg = 0) {
    return host.engine.takes_long(op_of(kind, size, arg));
  };
  for (const OpKind kind : {OpKind::kTouch, OpKind::kFallocate, OpKind::kPin, OpKind::kUnpin, OpKind::kPunch,
                            OpKind::kConvert, OpKind::kAttributes}) {
    CHECK(takes_long(kind, kGiB));
    CHECK(!takes_long(kind, kGiB - kPage));
    CHECK(!takes_long(kind, -kGiB));
  }
  CHECK(takes_long(OpKind::kSplit, 4 * kGiB) && !takes_long(OpKind::kMerge, 3 * kGiB));
  CHECK(takes_long(OpKind::kGuestWrite, 64 * kMiB) && !takes_long(OpKind::kPopulate, 63 * kMiB));
  CHECK(takes_long(OpKind::kPressure, 0, kOrder4k) && !takes_long(OpKind::kPressure, 0, kOrder2m));
  CHECK(!takes_long(OpKind::kCreate, 64 * kGiB) && !takes_long(OpKind::kFault, 0) && !takes_long(OpKind::kPoison, 0));
  CHECK(Host(test::options(test::knobs_4k(), spec::Arch::kNone, 256 * kGiB))
            .engine.takes_long(op_of(OpKind::kPressure, 0, kOrder2m)));
}

// What goes with an object names what the object has.
TEST(batches_look_at_what_goes_with_an_object) {
  Host host(test::options(test::knobs_2m(), spec::Arch::kNone, 2 * kGiB));
  const spec::OpRecord close = op_of(OpKind::kClose, 0);
  const spec::OpRecord destroy = op_of(OpKind::kDestroy, 0);
  const spec::OpRecord unbind = op_of(OpKind::kBind, 0);
  for (const spec::OpRecord& op : {close, destroy, unbind}) CHECK(!host.engine.takes_long(op));
  host.create(0, kGiB);
  host.bind(0, 0, kGiB / 2, 0);
  CHECK(host.engine.takes_long(close));
  CHECK(!host.engine.takes_long(destroy));  // its file keeps it
  CHECK(!host.engine.takes_long(unbind));
  host.close(0);
  CHECK(!host.engine.takes_long(close));
  // The copies of the closed file go with its last slot.
  CHECK(host.engine.takes_long(destroy) && host.engine.takes_long(unbind));
  // Kinds of unbound gfns move into a slot.
  host.run(unbind);
  host.create(1, kGiB);
  spec::OpRecord bind = op_of(OpKind::kBind, kGiB);
  bind.gmem = 1;
  CHECK(!host.engine.takes_long(bind));
  for (int i = 0; i < 70000; ++i) host.convert(2 * i * kPage, kPage, true);
  CHECK(host.engine.takes_long(bind));
}

TEST(batches_end_before_a_long_op) {
  Host host(test::options(test::knobs_2m(), spec::Arch::kNone));
  const spec::OpRecord small = op_of(OpKind::kTouch, kPage);
  const spec::OpRecord large = op_of(OpKind::kTouch, kGiB);
  std::vector<spec::OpRecord> ops(40, small);
  ops[30] = large;
  CHECK_EQ(host.engine.run_until_long(ops.data(), ops.size(), nullptr), uint64_t{30});
  CHECK_EQ(host.engine.run_until_long(ops.data() + 30, 10, nullptr), uint64_t{0});
  CHECK_EQ(host.engine.run_until_long(ops.data() + 31, 9, nullptr), uint64_t{9});
  // A close names a file that is made in the same batch.
  spec::OpRecord create = op_of(OpKind::kCreate, 2 * kGiB);
  ops = {create, small, op_of(OpKind::kClose, 0), small};
  CHECK_EQ(host.engine.run_until_long(ops.data(), ops.size(), nullptr), uint64_t{2});
}

}  // namespace
}  // namespace gmem
