// A block looked at as a whole hides no page of it: damage to its last page alone is named, and at that page.
#include <string>

#include "core/verifier.h"
#include "test/host.h"
#include "test/private_access.h"
#include "test/test.h"

namespace gmem {

GMEM_EXPOSE(BlocksFrames, Engine, frames_);
GMEM_EXPOSE(BlocksRmp, Engine, rmp_);
GMEM_EXPOSE(BlocksFiles, Engine, files_by_id_);
GMEM_EXPOSE(BlocksVms, Engine, vms_);

namespace {

using test::Host;
using test::k2M;
using test::kPage;

constexpr uint32_t kLast = kBlockPages - 1;

// Of file 0: block 0 a mapped 2M folio, block 1 a run of mapped 4K folios, block 2 shared, and by discard mapped from a
// 2M copy.
class Blocks {
 public:
  explicit Blocks(const spec::Knobs& knobs) : host_(test::options(knobs, spec::Arch::kSnp)) {
    host_.create(0, 4 * k2M);
    host_.bind(0, 0, 4 * k2M, 0);
    host_.fault(0, true);
    host_.fault(k2M, true);
    host_.on_file(spec::OpKind::kSplit, 0, k2M, k2M);
    for (double gpa = k2M; gpa < 2 * k2M; gpa += kPage) host_.fault(gpa, true);
    host_.convert(2 * k2M, k2M, false);
    for (double gpa = 2 * k2M; gpa < 3 * k2M; gpa += kPage) host_.fault(gpa, false);
  }

  Engine& engine() { return host_.engine; }
  File& file() { return *(engine().*private_member(BlocksFiles{}))[0]; }
  PageMap& pages() { return file().pages; }
  Frames& frames() { return engine().*private_member(BlocksFrames{}); }
  Rmp& rmp() { return engine().*private_member(BlocksRmp{}); }
  KindMap& kinds() { return (*(engine().*private_member(BlocksVms{}))[0]).slots[0]->kinds; }
  Pfn last(uint64_t block) { return pages().pfn(Index::of_block(block, kLast)); }
  // The last page's entry, in place of what it was.
  void assign_last(uint64_t block, Gfn gfn, uint16_t asid) {
    if (rmp().is_huge(last(block))) rmp().psmash(Pfn::of_block(last(block).block()));
    rmp().make_shared_4k(last(block));
    rmp().make_private_4k(last(block), gfn, asid);
  }

 private:
  Host host_;
};

struct Damage {
  const char* problem;  // part of a line of verify()
  void (*inflict)(Blocks&);
};

void expect_named(const spec::Knobs& knobs, const Damage& damage) {
  Blocks blocks(knobs);
  for (const std::string& problem : blocks.engine().verify()) CHECK_EQ(problem, std::string());
  damage.inflict(blocks);
  bool named = false;
  std::string said;
  for (const std::string& problem : blocks.engine().verify()) {
    named = named || problem.find(damage.problem) != std::string::npos;
    said += problem + "; ";
  }
  if (!named) test::fail(__FILE__, __LINE__, std::string("not named: ") + damage.problem + "; said: " + said);
}

const Damage kByDiscard[] = {
    {"index 511: page pfn 511 is free", [](Blocks& b) { b.frames().give_page(b.last(0), Mobility::kUnmovable); }},
    {"index 1023: page pfn 1023 is free", [](Blocks& b) { b.frames().give_page(b.last(1), Mobility::kUnmovable); }},
    {"index 1024: shared copy pfn 0 has a second owner",
     [](Blocks& b) { b.file().copies->change(2).set_run(BlockWord::Held::k2m, 0); }},
    {"index 1535: shared copy pfn",
     [](Blocks& b) { b.frames().give_page(b.file().copies->pfn(Index::of_block(2, kLast)), Mobility::kMovable); }},
    {"index 511: the RMP names another guest", [](Blocks& b) { b.assign_last(0, Gfn{kLast}, 2); }},
    {"index 1023: the RMP names another guest", [](Blocks& b) { b.assign_last(1, Gfn::of_block(1, kLast), 2); }},
    {"index 0: a leaf larger than folio, slot, kinds or RMP allow", [](Blocks& b) { b.assign_last(0, Gfn{7}, 1); }},
    {"index 1023: a private leaf the RMP does not allow", [](Blocks& b) { b.assign_last(1, Gfn{7}, 1); }},
    {"index 511: marked, but not assigned in the RMP",
     [](Blocks& b) {
       b.rmp().psmash(Pfn::of_block(b.last(0).block()));
       b.rmp().make_shared_4k(b.last(0));
     }},
    {"index 511: a leaf to a page that is not prepared",
     [](Blocks& b) { b.pages().lines().marked(b.pages().open_line(0)).clear(kLast); }},
    {"index 1023: a leaf to an absent page", [](Blocks& b) { b.kinds().flip(Gfn::of_block(1, kLast)); }},
    {"index 0: a leaf larger than folio, slot, kinds or RMP allow", [](Blocks& b) { b.kinds().flip(Gfn{kLast}); }},
    {"index 1024: a leaf larger than folio", [](Blocks& b) { b.kinds().flip(Gfn::of_block(2, kLast)); }},
    {"index 1024: a leaf to an absent page", [](Blocks& b) { b.file().copies->change(2).clear_run(); }},
    {"index 0: a leaf larger than folio", [](Blocks& b) { b.pages().split_block(0); }},
    {"index 512: a run of frames, but its line says otherwise",
     [](Blocks& b) { b.pages().lines().present(b.pages().word(1).line()).set(kLast); }},
    {"index 512: a run of frames, but its line says otherwise",
     [](Blocks& b) {
       const uint32_t line = b.pages().word(1).line();
       b.pages().lines().insert(line, 0, b.last(0));
       b.pages().lines().present(line).clear(0);
     }},
    {"index 1024: a leaf larger than folio", [](Blocks& b) { b.file().copies->split_block(2); }},
};

const Damage kInPlace[] = {
    {"index 511: shared, but assigned in the RMP", [](Blocks& b) { b.file().changed_kinds->flip(Index{kLast}); }},
    {"index 1023: shared, but assigned in the RMP",
     [](Blocks& b) { b.file().changed_kinds->flip(Index::of_block(1, kLast)); }},
    {"index 0: a leaf larger than folio", [](Blocks& b) { b.file().changed_kinds->flip(Index{kLast}); }},
    {"index 1535: a private leaf the RMP does not allow",
     [](Blocks& b) { b.file().changed_kinds->flip(Index::of_block(2, kLast)); }},
};

TEST(verifier_names_damage_to_the_last_page_of_a_block) {
  for (const Damage& damage : kByDiscard) expect_named(test::knobs_2m(), damage);
  for (const Damage& damage : kInPlace) expect_named(test::in_place(test::knobs_2m()), damage);
}

// A page that was poisoned and punched is the one that may be marked and not assigned.
TEST(verifier_allows_what_a_poisoned_page_may_be) {
  Blocks blocks(test::knobs_2m());
  blocks.pages().poison({Index{kLast}, Index{kBlockPages}});
  blocks.rmp().psmash(Pfn::of_block(blocks.last(0).block()));
  blocks.rmp().make_shared_4k(blocks.last(0));
  for (const std::string& problem : blocks.engine().verify()) {
    CHECK_EQ(problem.find("marked, but not assigned"), std::string::npos);
  }
}

}  // namespace
}  // namespace gmem
