#include "core/record_scan.h"

#include <limits>
#include <vector>

#include "test/test.h"

namespace gmem {
namespace {

constexpr double kSafe = 9007199254740991.0;

// Two kinds are legal, the others never.
RecordRules rules_of_two() {
  RecordRules rules{};
  for (RecordRule& rule : rules.of) rule = RecordRule{.address_least = 1, .address_most = 0};
  rules.of[0] = RecordRule{.address_least = -kSafe,
                           .address_most = kSafe,
                           .size_least = -kSafe,
                           .size_most = kSafe,
                           .vm_most = 3,
                           .arg_most = 255,
                           .vcpu_most = 7,
                           .flags = 1,
                           .names_vm = true,
                           .ranged = true};
  rules.of[1] = RecordRule{.size_most = kSafe, .gmem_most = 9, .names_gmem = true, .structural = true};
  rules.reachable_bytes = 1 << 20;
  return rules;
}

spec::OpRecord record(uint8_t kind, uint32_t vm, uint32_t gmem, double address, double size) {
  spec::OpRecord op{};
  op.kind = kind;
  op.vm = vm;
  op.gmem = gmem;
  op.address = address;
  op.size = size;
  return op;
}

struct Fixture {
  std::vector<double> counts = std::vector<double>(spec::kOpKinds);
  std::vector<double> lowest = std::vector<double>(spec::kOpKinds, std::numeric_limits<double>::infinity());
  std::vector<double> ends = std::vector<double>(spec::kOpKinds);
  std::vector<uint8_t> vms = std::vector<uint8_t>(4);
  std::vector<uint8_t> gmems = std::vector<uint8_t>(5);
  std::vector<uint32_t> structural = std::vector<uint32_t>(64);
  RecordSurvey survey{counts.data(), lowest.data(), ends.data(), vms.data(), 4, gmems.data(), 5, structural.data(), 0};
};

// The rule of a kind knows the most of all switches; which one it is decides.
TEST(record_scan_knows_what_each_switch_takes) {
  RecordRules rules{};
  constexpr auto kSet = static_cast<uint8_t>(spec::OpKind::kSet);
  rules.of[kSet] = RecordRule{.size_most = 1024, .extra_most = 1024, .arg_most = 1};
  const auto legal = [&](spec::Switch key, double value) {
    spec::OpRecord op = record(kSet, 0, 0, 0, 0);
    op.arg = static_cast<uint32_t>(key);
    op.extra = value;
    const spec::OpRecord three[] = {record(kSet, 0, 0, 0, 0), op, op};
    return scan_records(three, 3, rules, nullptr) == 3;
  };
  CHECK(legal(spec::Switch::kHugepages, 2));
  CHECK(!legal(spec::Switch::kHugepages, 3));
  CHECK(legal(spec::Switch::kRmpBusy, 3));
  CHECK(legal(spec::Switch::kRmpBusy, 1024));
  CHECK(!legal(spec::Switch::kRmpBusy, 1025));
  CHECK(!legal(spec::Switch::kRmpBusy, -1));
  CHECK(!legal(spec::Switch::kRmpBusy, 0.5));
  CHECK(!legal(static_cast<spec::Switch>(2), 1));
}

TEST(record_scan_finds_each_field_that_is_out_of_bounds) {
  const RecordRules rules = rules_of_two();
  spec::OpRecord good = record(0, 3, 0, -4096, kSafe);
  good.flags = 1;
  good.vcpu = 7;
  good.arg = 255;
  CHECK_EQ(scan_records(&good, 1, rules, nullptr), 1U);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<spec::OpRecord> bad(13, good);
  bad[0].kind = 2;
  bad[1].kind = 255;
  bad[2].flags = 2;
  bad[3].vcpu = 8;
  bad[4].vm = 4;
  bad[5].gmem = 1;
  bad[6].arg = 256;
  bad[7].address = 0.5;
  bad[8].address = nan;
  bad[9].size = kSafe + 1;
  bad[10].size = -infinity;
  bad[11].extra = 1;
  bad[12].extra = nan;
  for (const spec::OpRecord& op : bad) {
    const spec::OpRecord three[] = {good, op, good};
    CHECK_EQ(scan_records(three, 3, rules, nullptr), 1U);
  }
}

TEST(record_scan_adds_up_a_survey) {
  const RecordRules rules = rules_of_two();
  const spec::OpRecord records[] = {
      record(1, 0, 4, 0, 1),
      record(0, 2, 0, 8192, 4096),
      record(0, 2, 0, 4096, 0),
      record(0, 1, 0, -4096, 4096),       // below zero: no memory
      record(0, 1, 0, 4096, -1),          // no size: no memory
      record(0, 1, 0, (1 << 20) - 1, 2),  // ends beyond
      record(1, 0, 9, 0, 1),              // an id the survey has no room for
      record(0, 0, 0, 0.5, 0),
      record(1, 0, 0, 0, 0),
  };
  Fixture f;
  CHECK_EQ(scan_records(records, 9, rules, &f.survey), 7U);
  CHECK_EQ(f.counts[0], 5.0);
  CHECK_EQ(f.counts[1], 2.0);
  CHECK_EQ(f.lowest[0], 4096.0);
  CHECK_EQ(f.ends[0], 12288.0);
  CHECK_EQ(f.ends[1], 0.0);
  CHECK((f.vms == std::vector<uint8_t>{0, 1, 1, 0}));
  CHECK((f.gmems == std::vector<uint8_t>{0, 0, 0, 0, 1}));
  CHECK_EQ(f.survey.structural_count, 2U);
  CHECK_EQ(f.structural[0], 0U);
  CHECK_EQ(f.structural[1], 6U);
}

}  // namespace
}  // namespace gmem
