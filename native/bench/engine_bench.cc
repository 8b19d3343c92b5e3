// Whole ops through Engine::run in batches, contents elided, no outcomes kept: what a replay does.
#include "bench/engine_ops.h"

namespace gmem {
namespace {

using bench::fault_at;
using bench::host_with_file;
using bench::ranged;
using bench::run_ops;
using bench::scrambled;
using bench::Timer;
using spec::OpKind;
using test::Host;
using test::k2M;
using test::kGiB;
using test::kPage;

constexpr uint32_t kBits64g = 24;
constexpr uint64_t kPages64g = uint64_t{1} << kBits64g;
constexpr uint64_t kRandomOps = uint64_t{1} << 22;

double page_address(uint64_t page) { return static_cast<double>(page) * kPage; }
double random_page(uint64_t i) { return page_address(scrambled(i, kBits64g)); }

// `mainline-6.18` without a confidential guest: private by attribute.
std::unique_ptr<Host> host_4k() {
  auto host = host_with_file(test::knobs_4k(), spec::Arch::kNone, 64 * kGiB);
  host->run(ranged(OpKind::kAttributes, 0, 64 * kGiB, spec::kFlagPrivate));
  return host;
}

BENCH(fault_4k_64g_sequential) {
  const auto host = host_4k();
  run_ops(timer, *host, "fault", kPages64g, [](uint64_t i) { return fault_at(page_address(i)); });
  run_ops(timer, *host, "refault hot", kRandomOps, [](uint64_t i) { return fault_at(page_address(i & 4095)); });
  run_ops(timer, *host, "refault random", kRandomOps, [](uint64_t i) { return fault_at(random_page(i)); });
  run_ops(timer, *host, "touch hot", kRandomOps,
          [](uint64_t i) { return ranged(OpKind::kTouch, page_address(i & 4095), kPage); });
  run_ops(timer, *host, "touch random", kRandomOps,
          [](uint64_t i) { return ranged(OpKind::kTouch, random_page(i), kPage); });
}

BENCH(fault_4k_64g_random) {
  const auto host = host_4k();
  run_ops(timer, *host, "fault", kRandomOps, [](uint64_t i) { return fault_at(random_page(i)); });
  bench::punch_all(timer, *host, "punch by 2M, a page", kRandomOps, 64 * kGiB);
}

BENCH(split_2m_64g) {
  constexpr uint64_t kBlocks = 64 * 512;
  const auto host = host_with_file(test::knobs_2m(), spec::Arch::kSnp, 64 * kGiB);
  for (uint64_t i = 0; i < kBlocks; ++i) host->run(fault_at(static_cast<double>(i) * k2M));
  const auto on_block = [](OpKind kind, uint32_t order) {
    return [=](uint64_t i) { return ranged(kind, static_cast<double>(i) * k2M, k2M, 0, order); };
  };
  run_ops(timer, *host, "split, lines touched for the first time", kBlocks, on_block(OpKind::kSplit, 0));
  run_ops(timer, *host, "merge", kBlocks, on_block(OpKind::kMerge, 9));
  run_ops(timer, *host, "split, lines warm", kBlocks, on_block(OpKind::kSplit, 0));
}

// 1G folios of a pool, split to 2M ones: a region's word and 512 block words each.
BENCH(split_1g_480g) {
  constexpr uint64_t kRegions = 480;
  spec::Knobs knobs = test::knobs_2m();
  knobs.hugepages = spec::Hugepages::k1G;
  knobs.source = spec::Source::kPool;
  knobs.fallback = false;
  knobs.conversion = spec::Conversion::kInPlace;
  knobs.split_to = spec::SplitTo::kMinimal;
  knobs.shared_order = spec::SharedOrder::k4K;
  knobs.preparedness = spec::Preparedness::kNone;
  knobs.punch = spec::Punch::kZero;
  // The pool has 15/16 of the memory.
  const auto host = host_with_file(knobs, spec::Arch::kSnp, kRegions * kGiB, 512 * kGiB);
  for (uint64_t i = 0; i < kRegions; ++i) host->run(fault_at(static_cast<double>(i) * kGiB));
  const auto on_region = [](OpKind kind, uint32_t order) {
    return [=](uint64_t i) { return ranged(kind, static_cast<double>(i) * kGiB, kGiB, 0, order); };
  };
  run_ops(timer, *host, "split to 2M, the first of each", kRegions, on_region(OpKind::kSplit, kOrder2m));
  run_ops(timer, *host, "merge", kRegions, on_region(OpKind::kMerge, kOrder1g));
  run_ops(timer, *host, "split to 2M, again", kRegions, on_region(OpKind::kSplit, kOrder2m));
}

// In place: nothing is freed. 4K folios, so that none splits.
BENCH(convert_4k_in_place) {
  constexpr uint64_t kPages = uint64_t{1} << 20;
  spec::Knobs knobs = test::knobs_4k();
  knobs.conversion = spec::Conversion::kInPlace;
  knobs.shared_order = spec::SharedOrder::k4K;
  knobs.preparedness = spec::Preparedness::kNone;
  for (const spec::Arch arch : {spec::Arch::kNone, spec::Arch::kSnp}) {
    const auto host = host_with_file(knobs, arch, 64 * kGiB);
    if (arch == spec::Arch::kNone) host->convert(0, 64 * kGiB, true);
    for (uint64_t i = 0; i < kPages; ++i) host->run(fault_at(page_address(i)));
    const bool snp = arch == spec::Arch::kSnp;
    run_ops(timer, *host, snp ? "snp, to shared, mapped and prepared" : "to shared, mapped and prepared", kPages,
            [](uint64_t i) { return ranged(OpKind::kConvert, page_address(i), kPage); });
    run_ops(timer, *host, snp ? "snp, to private" : "to private", kPages,
            [](uint64_t i) { return ranged(OpKind::kConvert, page_address(i), kPage, spec::kFlagPrivate); });
  }
}

// By discard: to shared the page is freed (and the 2M folio, if any, split), to private
// the copy.
BENCH(convert_4k_snp) {
  constexpr uint64_t kPages = uint64_t{1} << 20;
  const auto host = host_with_file(test::knobs_4k(), spec::Arch::kSnp, 64 * kGiB);
  for (uint64_t i = 0; i < kPages; ++i) host->run(fault_at(page_address(i)));
  const auto convert = [](uint8_t flags) {
    return [=](uint64_t i) { return ranged(OpKind::kConvert, page_address(i), kPage, flags); };
  };
  run_ops(timer, *host, "to shared, mapped and prepared", kPages, convert(0));
  run_ops(timer, *host, "to private, no copy", kPages, convert(spec::kFlagPrivate));
}

BENCH(convert_first_page_of_2m_snp) {
  constexpr uint64_t kBlocks = 64 * 512;
  const auto host = host_with_file(test::knobs_2m(), spec::Arch::kSnp, 64 * kGiB);
  for (uint64_t i = 0; i < kBlocks; ++i) host->run(fault_at(static_cast<double>(i) * k2M));
  run_ops(timer, *host, "to shared, one page of a mapped 2M folio", kBlocks,
          [](uint64_t i) { return ranged(OpKind::kConvert, static_cast<double>(i) * k2M, kPage); });
}

// What a look at all that an engine keeps takes: of 64 GiB of 2M folios, and of 4 GiB of 4K ones, by the 2M block.
BENCH(verify) {
  constexpr uint64_t kBlocks = 64 * 512;
  const auto huge = host_with_file(test::knobs_2m(), spec::Arch::kSnp, 64 * kGiB);
  for (uint64_t i = 0; i < kBlocks; ++i) huge->run(fault_at(static_cast<double>(i) * k2M));
  timer.measure("of 2M folios, a block", kBlocks, [&] { bench::keep(huge->engine.verify().size()); });
  const auto small = host_with_file(test::knobs_4k(), spec::Arch::kSnp, 4 * kGiB);
  for (uint64_t i = 0; i < kBlocks / 16 * kBlockPages; ++i) small->run(fault_at(page_address(i)));
  timer.measure("of 4K folios, a block", kBlocks / 16, [&] { bench::keep(small->engine.verify().size()); });
}

}  // namespace
}  // namespace gmem
