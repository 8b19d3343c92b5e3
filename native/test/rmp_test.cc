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

// An entry has 39 bits for the gfn.
constexpr uint64_t kGfnEnd = uint64_t{1} << 39;

// The table as the manual describes it: 4K entries, 2M entries, never both for one page.
class NaiveRmp {
 public:
  explicit NaiveRmp(uint64_t blocks) : blocks_(blocks) {}

  void hold(uint32_t held, uint32_t free) {
    held_ = held;
    free_ = free;
  }
  RmpCode make_private_4k(uint64_t pfn, uint64_t gfn, uint16_t asid) {
    if (pfn / kBlockPages >= blocks_ || gfn >= kGfnEnd) return RmpCode::kFailInput;
    if (meets_other()) return RmpCode::kFailOverlap;
    if (huge_.contains(pfn / kBlockPages)) return RmpCode::kFailOverlap;
    small_[pfn] = {asid, gfn, false};
    return RmpCode::kOk;
  }
  RmpCode make_private_2m(uint64_t pfn, uint64_t gfn, uint16_t asid) {
    if (pfn / kBlockPages >= blocks_ || pfn % kBlockPages != 0) return RmpCode::kFailInput;
    if (gfn % kBlockPages != 0 || gfn >= kGfnEnd) return RmpCode::kFailInput;
    if (meets_other()) return RmpCode::kFailOverlap;
    if (any_small(pfn)) return RmpCode::kFailOverlap;
    huge_[pfn / kBlockPages] = {asid, gfn, false};
    return RmpCode::kOk;
  }
  RmpCode make_shared_4k(uint64_t pfn) {
    if (pfn / kBlockPages >= blocks_) return RmpCode::kFailInput;
    if (meets_other()) return RmpCode::kFailOverlap;
    if (huge_.contains(pfn / kBlockPages)) return RmpCode::kFailOverlap;
    small_.erase(pfn);
    return RmpCode::kOk;
  }
  RmpCode make_shared_2m(uint64_t pfn) {
    if (pfn / kBlockPages >= blocks_ || pfn % kBlockPages != 0) return RmpCode::kFailInput;
    if (meets_other()) return RmpCode::kFailOverlap;
    if (any_small(pfn)) return RmpCode::kFailOverlap;
    huge_.erase(pfn / kBlockPages);
    return RmpCode::kOk;
  }
  RmpCode psmash(uint64_t pfn) {
    if (pfn / kBlockPages >= blocks_ || pfn % kBlockPages != 0) return RmpCode::kFailInput;
    if (meets_other()) return RmpCode::kFailInUse;
    if (!huge_.contains(pfn / kBlockPages)) return RmpCode::kFailInput;
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
  bool meets_other() {
    if (held_ == 0) return false;
    uint32_t& left = free_ > 0 ? free_ : held_;
    const bool held = free_ == 0;
    --left;
    return held;
  }
  bool any_small(uint64_t pfn) const {
    const auto it = small_.lower_bound(pfn / kBlockPages * kBlockPages);
    return it != small_.end() && it->first < (pfn / kBlockPages + 1) * kBlockPages;
  }
  uint64_t blocks_;
  uint32_t held_ = 0;
  uint32_t free_ = 0;
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
    if (random.one_in(50)) {
      const auto held = static_cast<uint32_t>(random.below(30));
      const auto free = static_cast<uint32_t>(random.below(30));
      rmp.hold(held, free);
      naive.hold(held, free);
    }
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
  rmp.hold(0, 0);
  for (uint64_t pfn = 0; pfn < kBlocks * kBlockPages; ++pfn) {
    rmp.psmash({pfn / kBlockPages * kBlockPages});
    CHECK_EQ(shown(rmp.make_shared_4k({pfn})), "0");
  }
  CHECK_EQ(rmp.metadata_bytes(), 0U);
}

// Every instruction in every state of its block, free and held. Held, it answers with a code of its own and changes
// nothing; refused for its arguments, it has not come as far as that.
TEST(rmp_instructions_free_and_held) {
  struct State {
    const char* name;
    void (*make)(Rmp&);
  };
  const State states[] = {
      {"empty", [](Rmp&) {}},
      {"page 5", [](Rmp& rmp) { rmp.make_private_4k({5}, {517}, 1); }},
      {"all pages",
       [](Rmp& rmp) {
         for (uint64_t i = 0; i < kBlockPages; ++i) rmp.make_private_4k({i}, {512 + i}, 1);
       }},
      {"2M", [](Rmp& rmp) { rmp.make_private_2m({0}, {512}, 1); }},
  };
  struct Instruction {
    const char* name;
    RmpCode (*attempt)(Rmp&);
    const char* codes;  // by state
    const char* held;
  };
  const Instruction instructions[] = {
      {"4K private", [](Rmp& rmp) { return rmp.make_private_4k({5}, {9}, 2); }, "0004", "4"},
      {"4K private beside", [](Rmp& rmp) { return rmp.make_private_4k({6}, {9}, 2); }, "0004", "4"},
      {"4K shared", [](Rmp& rmp) { return rmp.make_shared_4k({5}); }, "0004", "4"},
      {"2M private", [](Rmp& rmp) { return rmp.make_private_2m({0}, {0}, 2); }, "0440", "4"},
      {"2M shared", [](Rmp& rmp) { return rmp.make_shared_2m({0}); }, "0440", "4"},
      {"PSMASH", [](Rmp& rmp) { return rmp.psmash({0}); }, "1110", "3"},
      {"2M private, pfn", [](Rmp& rmp) { return rmp.make_private_2m({1}, {0}, 2); }, "1111", "1"},
      {"2M private, gfn", [](Rmp& rmp) { return rmp.make_private_2m({0}, {1}, 2); }, "1111", "1"},
      {"2M shared, pfn", [](Rmp& rmp) { return rmp.make_shared_2m({1}); }, "1111", "1"},
      {"PSMASH, pfn", [](Rmp& rmp) { return rmp.psmash({1}); }, "1111", "1"},
      {"4K private, beyond", [](Rmp& rmp) { return rmp.make_private_4k({4096}, {1}, 2); }, "1111", "1"},
      {"4K shared, beyond", [](Rmp& rmp) { return rmp.make_shared_4k({4096}); }, "1111", "1"},
      {"2M private, beyond", [](Rmp& rmp) { return rmp.make_private_2m({4096}, {0}, 2); }, "1111", "1"},
      {"2M shared, beyond", [](Rmp& rmp) { return rmp.make_shared_2m({4096}); }, "1111", "1"},
      {"PSMASH, beyond", [](Rmp& rmp) { return rmp.psmash({4096}); }, "1111", "1"},
  };
  const auto entries = [](const Rmp& rmp) {
    std::string text;
    for (const uint64_t pfn : {0U, 5U, 6U, 511U}) {
      RmpEntry entry;
      rmp.lookup({pfn}, entry);
      text += std::to_string(entry.asid) + (entry.huge ? " 2M " : " 4K ") + std::to_string(entry.gfn.value) + "; ";
    }
    return text;
  };
  for (const Instruction& instruction : instructions) {
    for (size_t s = 0; s < std::size(states); ++s) {
      Rmp rmp({4 * kBlockPages});
      states[s].make(rmp);
      const std::string what = std::string(instruction.name) + ", " + states[s].name + ": ";
      const std::string wanted(1, instruction.codes[s]);
      // The table tells whether an overlap is real.
      if (wanted == "4") {
        CHECK(rmp.overlaps({5}, instruction.name[0] == '2' ? kOrder2m : kOrder4k));
      }
      const std::string before = entries(rmp);
      rmp.hold(2, 1);  // two are held up after one that is not
      CHECK_EQ(what + shown(instruction.attempt(rmp)), what + wanted);
      const std::string between = entries(rmp);
      if (wanted != "0") CHECK_EQ(what + between, what + before);
      for (int i = 0; i < 2; ++i) CHECK_EQ(what + shown(instruction.attempt(rmp)), what + instruction.held);
      CHECK_EQ(what + entries(rmp), what + between);
      const bool looked = std::string(instruction.held) != "1";
      CHECK_EQ(rmp.busy(), !looked);
      std::string left;
      for (int i = 0; i < 4; ++i) left += shown(rmp.make_shared_4k({1500}));
      CHECK_EQ(what + left, what + (looked ? "0000" : "0440"));
      CHECK(!rmp.busy());
    }
  }
}

TEST(rmp_held_anew) {
  Rmp rmp({4 * kBlockPages});
  const auto three = [&] {
    std::string codes;
    for (int i = 0; i < 3; ++i) codes += shown(rmp.make_shared_4k({7}));
    return codes;
  };
  rmp.hold(1000, 0);
  rmp.hold(1, 1);
  CHECK_EQ(three(), "040");
  rmp.hold(1000, 1000);
  rmp.hold(0, 2);
  CHECK(!rmp.busy());
  CHECK_EQ(three(), "000");
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
