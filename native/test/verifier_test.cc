// The verifier must be able to fail: each kind of damage, done to a healthy engine, is named in its words.
#include "core/verifier.h"

#include <string>
#include <vector>

#include "test/host.h"
#include "test/private_access.h"
#include "test/test.h"

namespace gmem {

GMEM_EXPOSE(EngineFrames, Engine, frames_);
GMEM_EXPOSE(EngineRmp, Engine, rmp_);
GMEM_EXPOSE(EnginePins, Engine, pins_);
GMEM_EXPOSE(EngineFiles, Engine, files_by_id_);
GMEM_EXPOSE(EngineVms, Engine, vms_);
GMEM_EXPOSE(EngineLane, Engine, lane_);
GMEM_EXPOSE(EngineDeferred, Engine, deferred_);
GMEM_EXPOSE(FramesUsed, Frames, used_);
GMEM_EXPOSE(KindsLines, KindMap, lines_);

namespace {

using spec::Counter;
using test::Host;
using test::k2M;
using test::kPage;

// Blocks of file 0: 0 a mapped 2M folio; 1 split into mapped 4K folios; 2 a folio of which only page 5 is marked; 3
// shared, with a mapped 2M copy; 4 empty and bound. Blocks 5 and 6 are not bound; 5 holds a folio. The file ends with
// half a block.
class Damaged {
 public:
  Damaged() : host_(test::options(test::knobs_2m(), spec::Arch::kSnp)) {
    host_.create(0, 7 * k2M + k2M / 2);
    host_.bind(0, 0, 5 * k2M, 0);
    host_.fault(0, true);
    host_.fault(k2M, true);
    host_.on_file(spec::OpKind::kSplit, 0, k2M, k2M);
    for (double gpa = k2M; gpa < 2 * k2M; gpa += kPage) host_.fault(gpa, true);
    host_.on_file(spec::OpKind::kFallocate, 0, 2 * k2M, k2M);
    host_.convert(2 * k2M, kPage, false);
    host_.on_file(spec::OpKind::kFallocate, 0, 2 * k2M, kPage);
    host_.fault(2 * k2M + 5 * kPage, true);
    host_.convert(3 * k2M, k2M, false);
    host_.fault(3 * k2M, false);
    host_.on_file(spec::OpKind::kFallocate, 0, 5 * k2M, k2M);
  }

  File& file() { return *(engine().*private_member(EngineFiles{}))[0]; }
  PageMap& pages() { return file().pages; }
  PageLines& lines() { return pages().lines(); }
  Frames& frames() { return engine().*private_member(EngineFrames{}); }
  Rmp& rmp() { return engine().*private_member(EngineRmp{}); }
  Pins& pins() { return engine().*private_member(EnginePins{}); }
  Vm& vm() { return *(engine().*private_member(EngineVms{}))[0]; }
  Lane& lane() { return engine().*private_member(EngineLane{}); }
  uint64_t& counter(Counter which) { return lane().counters[static_cast<size_t>(which)]; }
  Engine& engine() { return host_.engine; }
  Pfn pfn(uint64_t block, uint32_t page = 0) { return pages().pfn(Index::of_block(block, page)); }

 private:
  Host host_;
};

struct Damage {
  const char* problem;  // part of a line of verify()
  void (*inflict)(Damaged&);
};

const Damage kDamages[] = {
    {"faults_4k - zaps_4k + 512 (sept_demote - sept_promote) is", [](Damaged& d) { ++d.counter(Counter::kFaults4k); }},
    {"faults_2m - zaps_2m - sept_demote + sept_promote is", [](Damaged& d) { ++d.counter(Counter::kZaps2m); }},
    {"folios_4k held by the counters is", [](Damaged& d) { ++d.counter(Counter::kFoliosFreed4k); }},
    {"folios_2m held by the counters is", [](Damaged& d) { ++d.counter(Counter::kFoliosAllocated2m); }},
    {"folios_2m held by the counters is", [](Damaged& d) { ++d.counter(Counter::kMerges2m); }},
    {"folios_4k held by the counters is", [](Damaged& d) { ++d.counter(Counter::kSplits2m); }},
    {"split_distinct_2m is", [](Damaged& d) { ++d.counter(Counter::kSplitDistinct2m); }},
    {"merge_distinct_2m is", [](Damaged& d) { ++d.counter(Counter::kMergeDistinct2m); }},
    {"split_distinct_2m of a file is", [](Damaged& d) { ++d.file().split_blocks; }},
    {"merge_distinct_2m of a file is", [](Damaged& d) { ++d.file().merged_blocks; }},
    {"host_pages_peak is below", [](Damaged& d) { d.counter(Counter::kHostPagesPeak) = 1; }},
    {"shared_copy_pages_peak is below", [](Damaged& d) { d.counter(Counter::kSharedCopyPagesPeak) = 1; }},
    {"host_pages_end is", [](Damaged& d) { ++d.lane().host_pages; }},
    {"shared copy pages is", [](Damaged& d) { ++d.lane().copy_pages; }},
    {"used frames is",
     [](Damaged& d) {
       Pfn pfn;
       d.frames().take_page(Mobility::kUnmovable, pfn);
     }},
    {"free and used frames is",
     [](Damaged& d) {
       Pages& used = d.frames().*private_member(FramesUsed{});
       used = used + Pages{1};
     }},
    {"is free", [](Damaged& d) { d.frames().give_page(d.pfn(1, 9), Mobility::kUnmovable); }},
    {"is beyond host memory", [](Damaged& d) { d.pages().hold_run(0, BlockWord::Held::k2m, 1 << 20); }},
    {"has a second owner", [](Damaged& d) { d.pages().hold_run(5, BlockWord::Held::k2m, d.pfn(2).block()); }},
    {"a huge folio reaches beyond the file",
     [](Damaged& d) { d.pages().hold_run(7, BlockWord::Held::k2m, d.pfn(5).block()); }},
    {"a page is marked but absent", [](Damaged& d) { d.lines().marked(d.pages().open_line(4)).set(3); }},
    {"poisoned but absent",
     [](Damaged& d) {
       d.pages().poison({Index::of_block(4, 3), Index::of_block(4, 4)});
     }},
    {"a leaf, but no slot", [](Damaged& d) { d.lines().leaves(d.pages().open_line(5)).set(3); }},
    {"a leaf to an absent page", [](Damaged& d) { d.lines().leaves(d.pages().open_line(4)).set(3); }},
    {"a leaf to an absent page", [](Damaged& d) { d.pages().change(4).set_leaf_2m(true); }},
    {"a leaf to a page that is not prepared", [](Damaged& d) { d.lines().marked(d.pages().word(1).line()).clear(3); }},
    {"a leaf larger than folio", [](Damaged& d) { d.pages().change(1).set_leaf_2m(true); }},
    {"4K leaves under a 2M leaf", [](Damaged& d) { d.pages().change(1).set_leaf_2m(true); }},
    {"a bound gfn's kind is kept twice",
     [](Damaged& d) {
       d.vm().changed_kinds.add({Gfn{7}, Gfn{8}});
     }},
    {"RMP-assigned pages is", [](Damaged& d) { d.rmp().make_private_4k(Pfn::of_block(31), {0}, 1); }},
    {"the RMP names another guest",
     [](Damaged& d) { d.rmp().make_private_2m(Pfn::of_block(d.pfn(0).block()), {0}, 2); }},
    {"marked, but not assigned in the RMP", [](Damaged& d) { d.rmp().make_shared_2m(d.pfn(0)); }},
    {"a private leaf the RMP does not allow",
     [](Damaged& d) { d.rmp().make_private_2m(d.pfn(0), Gfn::of_block(9), 1); }},
    {"a leaf larger than folio, slot, kinds or RMP allow", [](Damaged& d) { d.rmp().psmash(d.pfn(0)); }},
    {"covers pages that are not one run of the block",
     [](Damaged& d) {
       const Pfn first = d.pfn(1);
       d.rmp().psmash(first);
       for (uint32_t i = 0; i < kBlockPages; ++i) d.rmp().make_shared_4k(first + Pages{i});
       d.rmp().make_private_2m(first, Gfn::of_block(1), 1);
       Bitmap512& present = d.lines().present(d.pages().open_pages(1));
       present.clear(8);
     }},
    {"disagree about poison",
     [](Damaged& d) {
       d.pages().poison({Index::of_block(2, 3), Index::of_block(2, 4)});
       d.pages().change(2).set_poisoned(false);
     }},
    {"disagree about poison", [](Damaged& d) { d.pages().change(2).set_poisoned(true); }},
    {"says two things at once", [](Damaged& d) { d.pages().change(1).set_all_marked(true); }},
    {"detail lines in use is", [](Damaged& d) { d.lines().take(); }},
    {"of two blocks", [](Damaged& d) { d.pages().change(4).set_line(d.pages().word(1).line()); }},
    {"is of no block, and not empty", [](Damaged& d) { d.lines().marked(d.lines().take()).set(7); }},
    {"a shared copy is marked or mapped", [](Damaged& d) { d.file().copies->mark_all(3); }},
    {"a shared copy is marked or mapped", [](Damaged& d) { d.file().copies->change(3).set_leaf_2m(true); }},
    {"a closed file holds pages", [](Damaged& d) { d.file().open = false; }},
    {"kinds of a block are alike, but by page",
     [](Damaged& d) {
       KindMap& kinds = d.vm().by_gfn[0]->kinds;
       kinds.flip(Gfn::of_block(4, 9));
       FlagLines& lines = *(kinds.*private_member(KindsLines{}));
       for (uint32_t line = 0; line < lines.numbers.high_water(); ++line) lines.bits[line].clear(9);
     }},
    {"is neither owned nor an orphan", [](Damaged& d) { d.pins().pin(1, {0}, Pfn::of_block(31)); }},
    {"pinned pfn 15872 is free", [](Damaged& d) { d.pins().pin(1, {0}, Pfn::of_block(31)); }},
    {"is neither owned nor an orphan",
     [](Damaged& d) {
       d.pins().pin(1, {0}, d.pfn(0));
       d.pins().orphan(d.pfn(0), Mobility::kUnmovable, false);
     }},
};

// A TDX guest: block 0 a 2M leaf, accepted; block 1 4K leaves, page 0 of them accepted.
struct DamagedSept {
  DamagedSept() : host(test::options(test::knobs_2m(), spec::Arch::kTdx)) {
    host.create(0, 2 * test::kGiB);
    host.bind(0, 0, 4 * k2M, 0);
    host.on_vm(spec::OpKind::kValidate, 0, k2M);
    host.on_vm(spec::OpKind::kValidate, k2M, kPage);
    host.fault(k2M + kPage, true);
  }
  File& file() { return *(host.engine.*private_member(EngineFiles{}))[0]; }
  uint64_t& counter(Counter which) {
    return (host.engine.*private_member(EngineLane{})).counters[static_cast<size_t>(which)];
  }

  Host host;
};

struct SeptDamage {
  const char* problem;
  void (*inflict)(DamagedSept&);
};

const SeptDamage kSeptDamages[] = {
    {"sept_add + sept_aug - sept_remove + 511 (sept_demote - sept_promote) is",
     [](DamagedSept& d) { ++d.counter(Counter::kSeptAug); }},
    {"sept_add + sept_aug - sept_remove + 511 (sept_demote - sept_promote) is",
     [](DamagedSept& d) { ++d.counter(Counter::kSeptRemove); }},
    {"faults_2m - zaps_2m - sept_demote + sept_promote is", [](DamagedSept& d) { ++d.counter(Counter::kSeptDemote); }},
    {"faults_4k - zaps_4k + 512 (sept_demote - sept_promote) is",
     [](DamagedSept& d) { ++d.counter(Counter::kSeptPromote); }},
    {"accepted, but under no private leaf",
     [](DamagedSept& d) {
       d.file().accepted->set({Index::of_block(1, 2), Index::of_block(1, 3)}, true);
     }},
    {"a 2M leaf accepted in part",
     [](DamagedSept& d) {
       d.file().accepted->set({Index{4}, Index{5}}, false);
     }},
    {"accepted pages of a file is",
     [](DamagedSept& d) {
       // Where the file was never touched.
       d.file().accepted->set({Index::of_block(600), Index::of_block(600, 1)}, true);
     }},
    {"a range waits to be merged, but merges are not deferred",
     [](DamagedSept& d) { (d.host.engine.*private_member(EngineDeferred{})).put(1, 0, 5); }},
    {"a range waits to be merged although its time has come",
     [](DamagedSept& d) { (d.host.engine.*private_member(EngineDeferred{})).put(1, 0, 0); }},
    {"the ranges that wait to be merged are not each once and in order",
     [](DamagedSept& d) {
       (d.host.engine.*private_member(EngineDeferred{})).put(1, 0, 5);
       (d.host.engine.*private_member(EngineDeferred{})).put(1, 1, 4);
     }},
    {"a private leaf of 1G", [](DamagedSept& d) { d.file().pages.change_region(0).leaf_1g = true; }},
};

TEST(verifier_names_every_damage_to_a_sept) {
  DamagedSept healthy;
  for (const std::string& problem : healthy.host.engine.verify()) CHECK_EQ(problem, std::string());
  CHECK(healthy.file().pages.word(0).leaf_2m() && healthy.file().accepted->flagged(Index{4}));
  for (const SeptDamage& damage : kSeptDamages) {
    DamagedSept engine;
    damage.inflict(engine);
    bool named = false;
    std::string said;
    for (const std::string& problem : engine.host.engine.verify()) {
      named = named || problem.find(damage.problem) != std::string::npos;
      said += problem + "; ";
    }
    if (!named) test::fail(__FILE__, __LINE__, std::string("not named: ") + damage.problem + "; said: " + said);
  }
}

TEST(verifier_names_every_damage_to_recorded_ranges) {
  spec::Knobs knobs = test::knobs_2m();
  knobs.conversion = spec::Conversion::kInPlace;
  knobs.shared_order = spec::SharedOrder::kNatural;
  knobs.split_to = spec::SplitTo::kNone;
  knobs.punch = spec::Punch::kZero;
  knobs.preparedness = spec::Preparedness::kState;
  Host host(test::options(knobs, spec::Arch::kSnp));
  host.create(0, 8 * k2M);
  host.bind(0, 0, 8 * k2M, 0);
  host.convert(k2M, 2 * k2M, false);
  CHECK(host.engine.verify().empty());
  auto& ranges = (*(host.engine.*private_member(EngineFiles{}))[0]).shared_ranges;
  const auto names = [&](const char* problem) {
    bool named = false;
    for (const std::string& line : host.engine.verify()) named = named || line.find(problem) != std::string::npos;
    if (!named) test::fail(__FILE__, __LINE__, problem);
  };
  ranges[kBlockPages] -= 1;
  names("pages of a file recorded as shared is 1023, recounted 1024");
  ranges[kBlockPages] += 2;
  names("recorded as shared, but private in part");
}

TEST(verifier_finds_nothing_in_a_healthy_engine) {
  Damaged healthy;
  for (const std::string& problem : healthy.engine().verify()) CHECK_EQ(problem, std::string());
  // The state the damages start from is the one their comment promises.
  CHECK(healthy.pages().word(0).leaf_2m() && healthy.pages().word(0).all_marked());
  CHECK(!healthy.pages().word(1).huge() && healthy.lines().leaves(healthy.pages().word(1).line()).all());
  CHECK(healthy.pages().marked(Index::of_block(2, 5)));
  CHECK(healthy.file().copies && healthy.file().copies->word(3).huge() && healthy.pages().word(3).leaf_2m());
  CHECK(healthy.pages().block_empty(4));
  CHECK(healthy.pages().word(5).huge() && healthy.file().slot_at(Index::of_block(5)) == nullptr);
}

TEST(verifier_names_every_damage) {
  for (const Damage& damage : kDamages) {
    Damaged engine;
    damage.inflict(engine);
    bool named = false;
    std::string said;
    for (const std::string& problem : engine.engine().verify()) {
      named = named || problem.find(damage.problem) != std::string::npos;
      said += problem + "; ";
    }
    if (!named) test::fail(__FILE__, __LINE__, std::string("not named: ") + damage.problem + "; said: " + said);
  }
}

TEST(verifier_stops_naming) {
  Damaged engine;
  // 512 pages, each with a second owner and a guest that is not its own.
  engine.pages().hold_run(0, BlockWord::Held::k2m, engine.pfn(1).block());
  CHECK_EQ(engine.engine().verify().size(), 64U);
}

}  // namespace
}  // namespace gmem
