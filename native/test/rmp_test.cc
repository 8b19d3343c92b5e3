// Rmp against a map of entries: one a 4K page, or one a 2M block.
#include "core/rmp.h"

#include <map>
#include <string>

#include "test/test.h"

namespace gmem {
namespace {

std::string shown(RmpCode code) { return std::to_string(static_cast<int>(code)); }

struct NaiveEntry {
  uint16_t asid;
  uint64_t gfn;
  bool validated;
};

// The table as the manual describes it: 4K entries, 2M entries, never both for one page.
class NaiveRmp {
 public:
  explicit NaiveRmp(uint64_t blocks) : blocks_(blocks) {}

  RmpCode make_private_4k(uint64_t pfn, uint64_t gfn, uint16_t asid) {
    if (pfn / kBlockPages >= blocks_) return RmpCode::kFailInput;
    if (huge_.contains(pfn / kBlockPages)) return RmpCode::kFailOverlap;
    small_[pfn] = {asid, gfn, false};
    return RmpCode::kOk;
  }
  RmpCode make_private_2m(uint64_t pfn, uint64_t gfn, uint16_t asid) {
    if (pfn / kBlockPages >= blocks_ || pfn % kBlockPages != 0 || gfn % kBlockPages != 0) return RmpCode::kFailInput;
    if (any_small(pfn)) return RmpCode::kFailOverlap;
    huge_[pfn / kBlockPages] = {asid, gfn, false};
    return RmpCode::kOk;
  }
  RmpCode make_shared_4k(uint64_t pfn) {
    if (pfn / kBlockPages >= blocks_) return RmpCode::kFailInput;
    if (huge_.contains(pfn / kBlockPages)) return RmpCode::kFailOverlap;
    small_.erase(pfn);
    return RmpCode::kOk;
  }
  RmpCode make_shared_2m(uint64_t pfn) {
    if (pfn / kBlockPages >= blocks_ || pfn % kBlockPages != 0) return RmpCode::kFailInput;
    if (any_small(pfn)) return RmpCode::kFailOverlap;
    huge_.erase(pfn / kBlockPages);
    return RmpCode::kOk;
  }
  RmpCode psmash(uint64_t pfn) {
    if (pfn % kBlockPages != 0 || !huge_.contains(pfn / kBlockPages)) return RmpCode::kFailInput;
    const NaiveEntry entry = huge_[pfn / kBlockPages];
    huge_.erase(pfn / kBlockPages);
    for (uint64_t i = 0; i < kBlockPages; ++i) small_[pfn + i] = {entry.asid, entry.gfn + i, entry.validated};
    return RmpCode::kOk;
  }
  bool assigned(uint64_t pfn) const { return huge_.contains(pfn / kBlockPages) || small_.contains(pfn); }
  void set_validated(uint64_t pfn) {
    const auto huge = huge_.find(pfn / kBlockPages);
    (huge != huge_.end() ? huge->second : small_[pfn]).validated = true;
  }
  RmpEntry at(uint64_t pfn) const {
    const auto huge = huge_.find(pfn / kBlockPages);
    if (huge != huge_.end()) {
      const NaiveEntry& entry = huge->second;
      return {true, true, entry.validated, entry.asid, Gfn{entry.gfn + pfn % kBlockPages}};
    }
    const auto small = small_.find(pfn);
    if (small == small_.end()) return {};
    return {true, false, small->second.validated, small->second.asid, Gfn{small->second.gfn}};
  }
  bool huge(uint64_t pfn) const { return huge_.contains(pfn / kBlockPages); }

 private:
  bool any_small(uint64_t pfn) const {
    const auto it = small_.lower_bound(pfn / kBlockPages * kBlockPages);
    return it != small_.end() && it->first < (pfn / kBlockPages + 1) * kBlockPages;
  }
  uint64_t blocks_;
  std::map<uint64_t, NaiveEntry> small_;
  std::map<uint64_t, NaiveEntry> huge_;
};

void check_page(const Rmp& rmp, const NaiveRmp& naive, uint64_t pfn) {
  RmpEntry entry;
  CHECK(rmp.lookup({pfn}, entry));
  const RmpEntry wanted = naive.at(pfn);
  CHECK_EQ(entry.assigned, wanted.assigned);
  if (!wanted.assigned) return;
  CHECK_EQ(entry.huge, wanted.huge);
  CHECK_EQ(entry.validated, wanted.validated);
  CHECK_EQ(entry.asid, wanted.asid);
  CHECK_EQ(entry.gfn, wanted.gfn);
}

void check_all(const Rmp& rmp, const NaiveRmp& naive, uint64_t blocks) {
  for (uint64_t block = 0; block < blocks; ++block) {
    const Bitmap512 bits = rmp.assigned(block);
    for (uint32_t i = 0; i < kBlockPages && !test::failed(); ++i) {
      const uint64_t pfn = block * kBlockPages + i;
      check_page(rmp, naive, pfn);
      CHECK_EQ(bits.test(i), naive.assigned(pfn));
    }
    CHECK_EQ(rmp.block_unassigned(block), bits.none());
    CHECK_EQ(rmp.is_huge({block * kBlockPages}), naive.huge(block * kBlockPages));
  }
}

TEST(rmp_fuzz) {
  constexpr uint64_t kBlocks = 3;
  test::Random random(20);
  Rmp rmp({kBlocks * kBlockPages});
  NaiveRmp naive(kBlocks);
  const uint64_t far = (uint64_t{1} << 40) - kBlockPages;  // gfns up to the guest-physical limit
  for (int step = 0; step < 60000 && !test::failed(); ++step) {
    // A little beyond the table too; often aligned, so that 2M forms succeed.
    uint64_t pfn = random.below((kBlocks + 1) * kBlockPages);
    if (random.one_in(3)) pfn -= pfn % kBlockPages;
    const auto asid = static_cast<uint16_t>(random.one_in(8) ? 1023 : 1 + random.below(2));
    // Mostly a run (gfn = base + page), sometimes anything.
    uint64_t gfn =
        random.one_in(40) ? random.below(far) : (random.one_in(20) ? far : 4096 * random.below(2)) + pfn % kBlockPages;
    switch (random.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        CHECK_EQ(shown(rmp.make_private_4k({pfn}, {gfn}, asid)), shown(naive.make_private_4k(pfn, gfn, asid)));
        break;
      case 5:
        CHECK_EQ(shown(rmp.make_private_2m({pfn}, {gfn}, asid)), shown(naive.make_private_2m(pfn, gfn, asid)));
        break;
      case 6:
        CHECK_EQ(shown(rmp.make_shared_2m({pfn})), shown(naive.make_shared_2m(pfn)));
        break;
      case 7:
        CHECK_EQ(shown(rmp.psmash({pfn})), shown(naive.psmash(pfn)));
        break;
      case 8:
        if (!naive.assigned(pfn)) break;
        rmp.set_validated({pfn});
        naive.set_validated(pfn);
        break;
      case 9:
        if (!random.one_in(30)) break;
        // Empty a whole block, so that its line is given back and taken again by another block.
        for (uint64_t i = 0; i < kBlockPages; ++i) {
          const uint64_t one = pfn / kBlockPages * kBlockPages + i;
          CHECK_EQ(shown(rmp.make_shared_4k({one})), shown(naive.make_shared_4k(one)));
        }
        break;
      default:
        CHECK_EQ(shown(rmp.make_shared_4k({pfn})), shown(naive.make_shared_4k(pfn)));
        break;
    }
    if (pfn < kBlocks * kBlockPages) check_page(rmp, naive, pfn);
    if (step % 500 == 0) check_all(rmp, naive, kBlocks);
  }
  check_all(rmp, naive, kBlocks);
  for (uint64_t pfn = 0; pfn < kBlocks * kBlockPages; ++pfn) {
    rmp.psmash({pfn / kBlockPages * kBlockPages});
    CHECK_EQ(shown(rmp.make_shared_4k({pfn})), "0");
  }
  CHECK_EQ(rmp.metadata_bytes(), 0U);
}

TEST(rmp_codes) {
  Rmp rmp({2 * kBlockPages});
  RmpEntry entry;
  CHECK(!rmp.lookup({2 * kBlockPages}, entry));
  CHECK(!rmp.lookup({~uint64_t{0} >> 1}, entry));
  CHECK_EQ(shown(rmp.make_private_2m({1}, {0}, 1)), "1");
  CHECK_EQ(shown(rmp.make_private_2m({0}, {1}, 1)), "1");
  CHECK_EQ(shown(rmp.make_private_2m({2 * kBlockPages}, {0}, 1)), "1");
  CHECK_EQ(shown(rmp.psmash({0})), "1");
  CHECK_EQ(shown(rmp.make_private_2m({0}, {512}, 1)), "0");
  CHECK_EQ(shown(rmp.make_private_4k({5}, {5}, 1)), "4");
  CHECK_EQ(shown(rmp.make_shared_4k({5})), "4");
  CHECK_EQ(shown(rmp.psmash({1})), "1");
  rmp.set_validated({7});
  CHECK_EQ(shown(rmp.psmash({0})), "0");
  CHECK(rmp.lookup({511}, entry));
  CHECK(entry.validated && !entry.huge && entry.assigned);
  CHECK_EQ(entry.gfn.value, 512U + 511U);
  CHECK_EQ(shown(rmp.make_private_2m({0}, {512}, 1)), "4");
  CHECK_EQ(shown(rmp.make_shared_2m({0})), "4");
}

// Gfns about the borders of 16 TiB, where 4 bytes a page are not enough, and pages of another guest, where they never
// are; and the way back by an empty block.
TEST(rmp_scattered_forms_fuzz) {
  test::Random random(23);
  constexpr uint64_t kBorder = uint64_t{1} << 32;
  for (int round = 0; round < 60 && !test::failed(); ++round) {
    Rmp rmp({kBlockPages});
    NaiveRmp naive(1);
    const uint64_t base = kBorder * (1 + random.below(200)) - random.below(2 * kBlockPages);
    for (int step = 0; step < 400 && !test::failed(); ++step) {
      const uint64_t pfn = random.below(kBlockPages);
      uint64_t gfn = base + pfn;
      if (round % 3 != 0 && random.one_in(20)) gfn = base + random.below(4 * kBlockPages);
      if (round % 3 == 2 && random.one_in(50)) gfn = random.below(uint64_t{1} << 40);
      const auto asid = static_cast<uint16_t>(round % 4 == 3 && random.one_in(50) ? 2 : 1);
      if (random.one_in(4)) {
        CHECK_EQ(shown(rmp.make_shared_4k({pfn})), shown(naive.make_shared_4k(pfn)));
      } else {
        CHECK_EQ(shown(rmp.make_private_4k({pfn}, {gfn}, asid)), shown(naive.make_private_4k(pfn, gfn, asid)));
      }
      if (naive.assigned(pfn) && random.one_in(5)) {
        rmp.set_validated({pfn});
        naive.set_validated(pfn);
      }
      if (step % 40 == 0) check_all(rmp, naive, 1);
    }
    check_all(rmp, naive, 1);
    for (uint32_t i = 0; i < kBlockPages; ++i) CHECK_EQ(shown(rmp.make_shared_4k({i})), "0");
    CHECK_EQ(rmp.metadata_bytes(), 0U);
  }
}

// What a block costs: a line; 2 KiB more for pages anywhere in 16 TiB; 4 KiB more with a second guest.
TEST(rmp_bytes_of_each_form) {
  Rmp rmp({kBlockPages});
  constexpr uint64_t kLine = 2 * sizeof(Bitmap512) + 16;
  rmp.make_private_4k({0}, {5000}, 1);
  rmp.make_private_4k({1}, {5001}, 1);
  CHECK_EQ(rmp.metadata_bytes(), kLine);
  rmp.make_private_4k({2}, {70}, 1);
  CHECK_EQ(rmp.metadata_bytes(), kLine + 4 * kBlockPages);
  rmp.make_private_4k({3}, {71}, 2);
  CHECK_EQ(rmp.metadata_bytes(), kLine + 8 * kBlockPages);
}

// A run costs one line; one page that belongs elsewhere makes it an array; both are given back.
TEST(rmp_run_becomes_scattered) {
  Rmp rmp({kBlockPages});
  for (uint32_t i = 0; i < kBlockPages; ++i) CHECK_EQ(shown(rmp.make_private_4k({i}, {1000 + i}, 3)), "0");
  const uint64_t run = rmp.metadata_bytes();
  CHECK_EQ(shown(rmp.make_private_4k({9}, {77}, 4)), "0");
  CHECK(rmp.metadata_bytes() > run);
  RmpEntry entry;
  CHECK(rmp.lookup({9}, entry));
  CHECK_EQ(entry.gfn.value, 77U);
  CHECK_EQ(entry.asid, 4);
  CHECK(rmp.lookup({10}, entry));
  CHECK_EQ(entry.gfn.value, 1010U);
  CHECK_EQ(entry.asid, 3);
  for (uint32_t i = 0; i < kBlockPages; ++i) CHECK_EQ(shown(rmp.make_shared_4k({i})), "0");
  CHECK_EQ(rmp.metadata_bytes(), 0U);
}

}  // namespace
}  // namespace gmem
