// Detail lines of all files of an engine: for each page of a block that is not uniform, whether it is present (a 4K
// folio), marked (prepared) and mapped by a 4K leaf, and the pfns of the present pages.
//
// The pfns of a line are a run (pfn = base + page) until they are not; then an array of 512 takes over. The line of a
// block that is a run (block_word.h) has none of its pages present, and the run's pfns.
#pragma once

#include <cstdint>

#include "core/bitmap512.h"
#include "core/line_store.h"
#include "core/units.h"
#include "core/virtual_array.h"

namespace gmem {

class PageLines {
 public:
  // Room for `lines` lines: a line has at least one page, so the frames of the host bound them.
  explicit PageLines(uint64_t lines)
      : numbers_(lines),
        scatters_(lines),
        present_(lines),
        marked_(lines),
        leaves_(lines),
        pfns_(lines),
        scattered_(lines) {}

  uint32_t take() {
    const uint32_t line = numbers_.take();
    present_.expect(line);
    marked_.expect(line);
    leaves_.expect(line);
    pfns_.expect(line);
    return line;
  }

  // REQUIRES: no bit of the line is set.
  void give(uint32_t line) {
    forget_pfns(line);
    numbers_.give(line);
  }

  Bitmap512& present(uint32_t line) { return present_[line]; }
  Bitmap512& marked(uint32_t line) { return marked_[line]; }
  Bitmap512& leaves(uint32_t line) { return leaves_[line]; }
  const Bitmap512& present(uint32_t line) const { return present_[line]; }
  const Bitmap512& marked(uint32_t line) const { return marked_[line]; }
  const Bitmap512& leaves(uint32_t line) const { return leaves_[line]; }

  bool empty(uint32_t line) const { return present_[line].none() && marked_[line].none() && leaves_[line].none(); }

  // REQUIRES: the page is present, or the block a run.
  Pfn pfn(uint32_t line, uint32_t page) const {
    const PfnRun& run = pfns_[line];
    if (run.scatter == 0) return {static_cast<uint32_t>(run.base + page)};
    return {scattered_[run.scatter - 1].of_page[page]};
  }

  // Makes the page present at `pfn`. REQUIRES: it is absent.
  void insert(uint32_t line, uint32_t page, Pfn pfn) {
    PfnRun& run = pfns_[line];
    Bitmap512& present = present_[line];
    const uint32_t number = static_cast<uint32_t>(pfn.value);
    if (run.scatter == 0 && run.base != number - page) {
      if (present.none()) {
        run.base = number - page;
      } else {
        scatter(line);
      }
    }
    if (run.scatter != 0) scattered_[run.scatter - 1].of_page[page] = number;
    present.set(page);
  }

  // Makes all pages present, as a run from `first`. REQUIRES: none is present.
  void insert_run(uint32_t line, Pfn first) {
    forget_pfns(line);
    pfns_[line].base = static_cast<uint32_t>(first.value);
    present_[line].fill(true);
  }

  // The block is a run from this pfn block. REQUIRES: no page is present.
  void set_run_block(uint32_t line, uint64_t pfn_block) {
    forget_pfns(line);
    pfns_[line].base = static_cast<uint32_t>(Pfn::of_block(pfn_block).value);
  }

  // What the line of a block that is a run looks like.
  bool keeps_run(uint32_t line) const {
    return present_[line].none() && pfns_[line].scatter == 0 && pfns_[line].base % kBlockPages == 0;
  }

  // Makes all pages absent.
  void remove_all(uint32_t line) {
    forget_pfns(line);
    present_[line].fill(false);
  }

  // One kind of bit of every line, for scans: lines not in use are all zero.
  const Bitmap512* all_present() const { return present_.data(); }
  const Bitmap512* all_marked() const { return marked_.data(); }
  const Bitmap512* all_leaves() const { return leaves_.data(); }

  void share(bool on) {
    numbers_.share(on);
    scatters_.share(on);
  }
  LockFigures lock_figures() const {
    LockFigures sum = numbers_.figures();
    sum.add(scatters_.figures());
    return sum;
  }
  [[gnu::always_inline]] void prefetch(uint32_t line) const {
    present_.prefetch(line);
    marked_.prefetch(line);
    leaves_.prefetch(line);
    pfns_.prefetch(line);
  }
  [[gnu::always_inline]] void prefetch_pfn(uint32_t line, uint32_t page) const {
    const PfnRun& run = pfns_[line];
    if (run.scatter != 0) __builtin_prefetch(&scattered_[run.scatter - 1].of_page[page], 1);
  }

  uint32_t high_water() const { return numbers_.high_water(); }
  uint32_t in_use() const { return numbers_.in_use(); }
  uint64_t metadata_bytes() const {
    return numbers_.in_use() * (3 * sizeof(Bitmap512) + sizeof(PfnRun)) + scatters_.in_use() * sizeof(ScatteredPfns);
  }

 private:
  struct PfnRun {
    uint32_t base;     // pfn of page 0 of the block, modulo 2^32
    uint32_t scatter;  // 0, or 1 + number of the pfn array
  };
  struct ScatteredPfns {
    uint32_t of_page[kBlockPages];
  };

  void forget_pfns(uint32_t line) {
    PfnRun& run = pfns_[line];
    if (run.scatter != 0) scatters_.give(run.scatter - 1);
    run = PfnRun{};
  }

  [[gnu::noinline]] void scatter(uint32_t line) {
    PfnRun& run = pfns_[line];
    const uint32_t number = scatters_.take();
    scattered_.expect(number);
    for (uint32_t page = 0; page < kBlockPages; ++page) scattered_[number].of_page[page] = run.base + page;
    run.scatter = number + 1;
  }

  LineNumbers numbers_;
  LineNumbers scatters_;
  VirtualArray<Bitmap512> present_;
  VirtualArray<Bitmap512> marked_;
  VirtualArray<Bitmap512> leaves_;
  VirtualArray<PfnRun> pfns_;
  VirtualArray<ScatteredPfns> scattered_;
};

}  // namespace gmem
