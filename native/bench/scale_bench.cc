// The same ops on guests from 16 GiB to 4 TiB, contents elided: cost an op, the whole boot, and what the operating
// system says is resident. An engine is new in every repetition, so its metadata is met for the first time in every
// one.
#include <bit>

#include "bench/engine_ops.h"

namespace gmem {
namespace {

using bench::fault_at;
using bench::host_with_file;
using bench::resident_bytes;
using bench::run_ops;
using bench::scrambled;
using bench::Timer;
using test::k2M;
using test::kGiB;
using test::kPage;

constexpr uint64_t kBlocksOfGib = 512;
constexpr uint32_t kPageOpBits = 20;
constexpr uint64_t kPageOps = uint64_t{1} << kPageOpBits;

// What the process holds more than when this was made.
class Growth {
 public:
  Growth() : before_((bench::record_buffer(), resident_bytes())) {}
  void book(Timer& timer, const char* name) const {
    const uint64_t now = resident_bytes();
    timer.figure(name, now > before_ ? static_cast<double>(now - before_) : 0);
  }

 private:
  uint64_t before_;
};

spec::OpRecord fault_2m(uint64_t block) { return fault_at(static_cast<double>(block) * k2M); }
spec::OpRecord fault_4k(uint64_t page) { return fault_at(static_cast<double>(page) * kPage); }

// REQUIRES: gib is a power of two.
void by_2m(Timer& timer, uint64_t gib) {
  const uint64_t blocks = gib * kBlocksOfGib;
  const auto bits = static_cast<uint32_t>(std::countr_zero(blocks));
  const double size = static_cast<double>(gib) * kGiB;
  {
    const Growth growth;
    std::unique_ptr<test::Host> host;
    timer.measure("engine, VM and file made", 1,
                  [&] { host = host_with_file(test::knobs_2m(), spec::Arch::kSnp, size); });
    run_ops(timer, *host, "2M fault, ascending", blocks, fault_2m);
    growth.book(timer, "resident after that boot");
    run_ops(timer, *host, "2M refault, ascending", blocks, fault_2m);
    run_ops(timer, *host, "2M refault, random", blocks, [=](uint64_t i) { return fault_2m(scrambled(i, bits)); });
  }
  const auto host = host_with_file(test::knobs_2m(), spec::Arch::kSnp, size);
  run_ops(timer, *host, "2M fault, random", blocks, [=](uint64_t i) { return fault_2m(scrambled(i, bits)); });
}

BENCH(boot_2m_16g) { by_2m(timer, 16); }
BENCH(boot_2m_64g) { by_2m(timer, 64); }
BENCH(boot_2m_256g) { by_2m(timer, 256); }
BENCH(boot_2m_512g) { by_2m(timer, 512); }
BENCH(boot_2m_1t) { by_2m(timer, 1024); }
BENCH(boot_2m_4t) { by_2m(timer, 4096); }

// `mainline-6.18` without a confidential guest: private by attribute. 2^20 pages in the middle of the guest, in order,
// then as many over all of it.
void by_4k(Timer& timer, uint64_t gib) {
  const uint64_t pages = gib * kBlocksOfGib * kBlockPages;
  const auto bits = static_cast<uint32_t>(std::countr_zero(pages));
  const double size = static_cast<double>(gib) * kGiB;
  const auto fresh = [&] {
    auto host = host_with_file(test::knobs_4k(), spec::Arch::kNone, size);
    host->run(bench::ranged(spec::OpKind::kAttributes, 0, size, spec::kFlagPrivate));
    return host;
  };
  {
    const auto host = fresh();
    run_ops(timer, *host, "4K fault, ascending", kPageOps, [=](uint64_t i) { return fault_4k(pages / 2 + i); });
    run_ops(timer, *host, "4K refault, ascending", kPageOps, [=](uint64_t i) { return fault_4k(pages / 2 + i); });
  }
  const auto host = fresh();
  run_ops(timer, *host, "4K fault, random over the guest", kPageOps,
          [=](uint64_t i) { return fault_4k(scrambled(i, bits)); });
  run_ops(timer, *host, "4K refault, random over the guest", kPageOps,
          [=](uint64_t i) { return fault_4k(scrambled(scrambled(i, kPageOpBits), bits)); });
}

BENCH(pages_4k_16g) { by_4k(timer, 16); }
BENCH(pages_4k_64g) { by_4k(timer, 64); }
BENCH(pages_4k_256g) { by_4k(timer, 256); }
BENCH(pages_4k_512g) { by_4k(timer, 512); }
BENCH(pages_4k_1t) { by_4k(timer, 1024); }
BENCH(pages_4k_4t) { by_4k(timer, 4096); }

// The worst case for metadata: every page of an SNP guest faulted as 4K in an order that leaves no run of pfns, so that
// each has its own pfn and its own RMP entry.
void all_4k_scattered(Timer& timer, uint64_t gib) {
  const uint64_t pages = gib * kBlocksOfGib * kBlockPages;
  const auto bits = static_cast<uint32_t>(std::countr_zero(pages));
  const Growth growth;
  const auto host = host_with_file(test::knobs_4k(), spec::Arch::kSnp, static_cast<double>(gib) * kGiB);
  run_ops(timer, *host, "4K fault with RMP, random", pages, [=](uint64_t i) { return fault_4k(scrambled(i, bits)); });
  growth.book(timer, "resident after that");
  bench::punch_all(timer, *host, "punch by 2M, a page", pages, static_cast<double>(gib) * kGiB);
}

BENCH(all_4k_scattered_2g) { all_4k_scattered(timer, 2); }
BENCH(all_4k_scattered_8g) { all_4k_scattered(timer, 8); }

}  // namespace
}  // namespace gmem
