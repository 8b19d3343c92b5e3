// PageLines and PageMap against one struct a page, through the same few changes the engine makes.
#include "core/page_map.h"

#include <set>
#include <string>
#include <vector>

#include "test/test.h"

namespace gmem {
namespace {

TEST(page_lines_run_then_scattered) {
  PageLines lines(1 << 16);
  const uint32_t line = lines.take();
  // A run that wraps below zero for page 0: only the present pages count.
  lines.insert(line, 100, {50});
  lines.insert(line, 101, {51});
  CHECK_EQ(lines.pfn(line, 100).value, 50U);
  CHECK_EQ(lines.pfn(line, 101).value, 51U);
  const uint64_t run_bytes = lines.metadata_bytes();
  lines.insert(line, 102, {0xfffffffe});
  CHECK(lines.metadata_bytes() > run_bytes);
  CHECK_EQ(lines.pfn(line, 100).value, 50U);
  CHECK_EQ(lines.pfn(line, 101).value, 51U);
  CHECK_EQ(lines.pfn(line, 102).value, 0xfffffffeU);
  lines.remove_all(line);
  CHECK_EQ(lines.metadata_bytes(), run_bytes);
  lines.insert_run(line, {4096});
  CHECK_EQ(lines.pfn(line, 511).value, 4096U + 511U);
  lines.remove_all(line);
  CHECK(lines.empty(line));
  lines.give(line);
  CHECK_EQ(lines.metadata_bytes(), 0U);
}

// A file page by page.
struct NaivePage {
  bool present = false;
  bool marked = false;
  bool leaf = false;
  bool poisoned = false;
  uint64_t pfn = 0;
};
struct NaiveBlock {
  bool huge = false;
  bool leaf_2m = false;
  bool split = false;
  bool merged = false;
  NaivePage pages[kBlockPages];

  bool any_leaf() const {
    for (const NaivePage& page : pages) {
      if (page.leaf) return true;
    }
    return leaf_2m;
  }
  bool contiguous() const {
    for (uint32_t i = 0; i < kBlockPages; ++i) {
      if (!pages[i].present || pages[i].pfn != pages[0].pfn + i) return false;
    }
    return !huge && pages[0].pfn % kBlockPages == 0;
  }
  bool empty() const {
    for (const NaivePage& page : pages) {
      if (page.present) return false;
    }
    return true;
  }
};

class PageMapFuzz {
 public:
  PageMapFuzz(PageLines& lines, uint64_t pages, uint64_t purpose)
      : random_(purpose),
        map_(lines, {pages}),
        naive_((pages + kBlockPages - 1) / kBlockPages),
        whole_(pages / kBlockPages) {}

  void step() {
    const uint64_t block = random_.below(naive_.size());
    const auto i = static_cast<uint32_t>(random_.below(kBlockPages));
    switch (random_.below(12)) {
      case 0:
        fill_huge(block);
        break;
      case 1:
      case 2:
      case 3:
        insert(block, i, random_.one_in(10) ? random_.below(0xffffffff) : 512 * (block + 7) + i);
        break;
      case 4:
        mark(block, i);
        break;
      case 5:
        mark_all(block);
        break;
      case 6:
        leaf(block, i);
        break;
      case 7:
        unmap(block);
        break;
      case 8:
        split_or_merge(block);
        break;
      case 9:
        remove(block, i, 1 + random_.below(kBlockPages));
        break;
      case 10:
        poison(block, i);
        break;
      default:
        if (random_.one_in(3)) fill_run(block);
        break;
    }
    check_page(block, i);
  }

  void check() {
    std::set<uint64_t> touched;
    for (uint64_t block = 0; block < naive_.size() && !test::failed(); ++block) {
      const Bitmap512 present = map_.present_bits(block);
      const Bitmap512 marked = map_.marked_bits(block);
      for (uint32_t i = 0; i < kBlockPages; ++i) {
        check_page(block, i);
        CHECK_EQ(present.test(i), naive_[block].pages[i].present);
        CHECK_EQ(marked.test(i), naive_[block].pages[i].marked);
      }
      CHECK_EQ(map_.block_empty(block), naive_[block].empty());
      CHECK_EQ(map_.contiguous(block), naive_[block].huge || naive_[block].contiguous());
      CHECK_EQ(map_.word(block).huge(), naive_[block].huge);
      CHECK_EQ(map_.history(block).ever_split, naive_[block].split);
      CHECK_EQ(map_.history(block).ever_merged, naive_[block].merged);
      const BlockWord& word = map_.word(block);
      CHECK(!word.all_marked() || !word.has_line());
      CHECK(!word.untouched() || naive_[block].empty());
    }
  }

  void clear() {
    for (uint64_t block = 0; block < naive_.size(); ++block) remove(block, 0, kBlockPages);
  }

 private:
  NaiveBlock& at(uint64_t block) { return naive_[block]; }

  void fill_huge(uint64_t block) {
    if (block >= whole_ || !at(block).empty()) return;
    const uint64_t pfn_block = random_.below(uint64_t{1} << 23);
    map_.hold_run(block, BlockWord::Held::k2m, pfn_block);
    at(block).huge = true;
    for (uint32_t i = 0; i < kBlockPages; ++i) {
      at(block).pages[i].present = true;
      at(block).pages[i].pfn = pfn_block * kBlockPages + i;
    }
  }
  void insert(uint64_t block, uint32_t i, uint64_t pfn) {
    if (at(block).pages[i].present) return;
    map_.lines().insert(map_.open_line(block), i, {pfn});
    at(block).pages[i].present = true;
    at(block).pages[i].pfn = pfn;
  }
  // All pages that are missing, as a run from a 2M boundary: what a merge needs.
  void fill_run(uint64_t block) {
    for (uint32_t i = 0; i < kBlockPages; ++i) insert(block, i, 512 * (block + 7) + i);
  }
  void mark(uint64_t block, uint32_t i) {
    if (!at(block).pages[i].present || at(block).pages[i].marked) return;
    map_.lines().marked(map_.open_line(block)).set(i);
    map_.tidy(block);
    at(block).pages[i].marked = true;
  }
  void mark_all(uint64_t block) {
    if (!at(block).huge) return;
    if (map_.word(block).has_line()) {
      map_.lines().marked(map_.word(block).line()).fill(true);
      map_.tidy(block);
    } else {
      map_.change(block).set_all_marked(true);
    }
    for (NaivePage& page : at(block).pages) page.marked = true;
  }
  void leaf(uint64_t block, uint32_t i) {
    NaiveBlock& naive = at(block);
    if (naive.huge && !naive.any_leaf() && random_.one_in(2)) {
      map_.change(block).set_leaf_2m(true);
      naive.leaf_2m = true;
    } else if (!naive.leaf_2m) {
      map_.lines().leaves(map_.open_line(block)).set(i);
      naive.pages[i].leaf = true;
    }
  }
  void unmap(uint64_t block) {
    if (map_.word(block).leaf_2m()) map_.change(block).set_leaf_2m(false);
    if (map_.word(block).has_line()) {
      map_.lines().leaves(map_.word(block).line()).fill(false);
      map_.tidy(block);
    }
    at(block).leaf_2m = false;
    for (NaivePage& page : at(block).pages) page.leaf = false;
  }
  void split_or_merge(uint64_t block) {
    NaiveBlock& naive = at(block);
    if (naive.huge) {
      if (naive.leaf_2m) unmap(block);
      map_.split_block(block);
      map_.change_history(block).ever_split = true;
      naive.huge = false;
      naive.split = true;
    } else if (naive.contiguous()) {
      map_.merge_block(block, BlockWord::Held::k2m);
      map_.change_history(block).ever_merged = true;
      naive.huge = true;
      naive.merged = true;
    }
  }
  void remove(uint64_t block, uint32_t first, uint64_t count) {
    NaiveBlock& naive = at(block);
    unmap(block);
    if (naive.huge) {
      map_.split_block(block);
      map_.change_history(block).ever_split = true;
      naive.huge = false;
      naive.split = true;
    }
    if (!map_.word(block).has_line() && !map_.word(block).run()) return;
    const uint32_t line = map_.open_pages(block);
    const auto end = static_cast<uint32_t>(std::min<uint64_t>(kBlockPages, first + count));
    const Bitmap512 leaving = Bitmap512::range(first, end);
    uint64_t poisoned = 0;
    for (uint32_t i = first; i < end; ++i) poisoned += naive.pages[i].poisoned;
    if (leaving.all()) {
      CHECK_EQ(map_.unpoison_block(block), poisoned);
    } else {
      for (uint32_t i = first; i < end; ++i) {
        if (naive.pages[i].poisoned) map_.unpoison(Index::of_block(block, i));
      }
    }
    std::fill(naive.pages + first, naive.pages + end, NaivePage{});
    map_.lines().present(line) = and_not(map_.lines().present(line), leaving);
    map_.lines().marked(line) = and_not(map_.lines().marked(line), leaving);
    map_.tidy(block);
  }
  void poison(uint64_t block, uint32_t i) {
    if (!at(block).pages[i].present || !random_.one_in(4)) return;
    uint32_t end = i;
    for (; end < kBlockPages && at(block).pages[end].present && !random_.one_in(8); ++end) {
      at(block).pages[end].poisoned = true;
    }
    map_.poison({Index::of_block(block, i), Index::of_block(block, end)});
  }

  void check_page(uint64_t block, uint32_t i) {
    const Index index = Index::of_block(block, i);
    const NaivePage& page = at(block).pages[i];
    CHECK_EQ(map_.present(index), page.present);
    if (page.present) CHECK_EQ(map_.pfn(index).value, page.pfn);
    CHECK_EQ(map_.marked(index), page.marked);
    CHECK_EQ(map_.leaf_order(index), at(block).leaf_2m ? 9 : page.leaf ? 0 : -1);
    CHECK_EQ(map_.poisoned(index), page.poisoned);
  }

  test::Random random_;
  PageMap map_;
  std::vector<NaiveBlock> naive_;
  uint64_t whole_;
};

// Two maps over one store of lines, as a file and its copies are; the second ends inside a block.
TEST(page_map_fuzz) {
  PageLines lines(1 << 16);
  PageMapFuzz file(lines, 4 * kBlockPages, 30);
  PageMapFuzz copies(lines, 2 * kBlockPages + 100, 31);
  for (int step = 0; step < 30000 && !test::failed(); ++step) {
    file.step();
    copies.step();
    if (step % 1000 != 0) continue;
    file.check();
    copies.check();
  }
  file.clear();
  copies.clear();
  file.check();
  copies.check();
  // What was folded away left nothing behind.
  CHECK_EQ(lines.metadata_bytes(), 0U);
  for (uint32_t line = 0; line < lines.high_water(); ++line) CHECK(lines.empty(line));
}

// Uniform states need no line: marks of a 2M folio fold into the word once they are all set.
TEST(page_map_folds_lines) {
  PageLines lines(1 << 16);
  PageMap map(lines, {2 * kBlockPages});
  map.hold_run(1, BlockWord::Held::k2m, 3);
  for (uint32_t i = 0; i < kBlockPages; ++i) {
    CHECK_EQ(map.word(1).all_marked(), false);
    lines.marked(map.open_line(1)).set(i);
    map.tidy(1);
    CHECK_EQ(map.word(1).has_line(), i + 1 < kBlockPages);
  }
  CHECK(map.word(1).all_marked());
  CHECK_EQ(map.word(1).pfn_block(), 3U);
  CHECK_EQ(lines.metadata_bytes(), 0U);
  map.split_block(1);
  CHECK(map.marked_bits(1).all());
  CHECK(map.contiguous(1));
  map.merge_block(1, BlockWord::Held::k2m);
  CHECK(map.word(1).all_marked() && map.word(1).huge() && !map.word(1).has_line());
}

TEST(page_map_next_touched_on_absurd_sizes) {
  PageLines lines(1 << 16);
  // A file of 2^53 bytes: 2^32 blocks.
  PageMap map(lines, {uint64_t{1} << 41});
  const uint64_t end = uint64_t{1} << 32;
  CHECK_EQ(map.blocks(), end);
  CHECK_EQ(map.next_touched(0, end), end);
  const uint64_t far = end - 1;
  map.change(far).set_leaf_2m(true);
  CHECK_EQ(map.next_touched(0, end), far - far % kRegionBlocks);
  CHECK_EQ(map.next_touched(far, end), far);
  CHECK_EQ(map.next_touched(end, end), end);
  CHECK_EQ(map.next_touched(end + 5, end), end);
  CHECK_EQ(map.next_touched(0, 100), 100U);
  map.change(1024).set_leaf_2m(true);
  CHECK_EQ(map.next_touched(0, end), 1024U);
  CHECK_EQ(map.next_touched(1030, end), 1030U);
  CHECK_EQ(map.next_touched(1536, end), far - far % kRegionBlocks);
  // Every touched block lies between two answers: a walk meets both.
  std::set<uint64_t> met;
  for (uint64_t block = map.next_touched(0, end); block < end; block = map.next_touched(block + 1, end)) {
    if (!map.word(block).untouched()) met.insert(block);
  }
  CHECK_EQ(met.size(), 2U);
}

TEST(page_map_refuses_what_no_address_space_holds) {
  PageLines lines(1 << 16);
  bool refused = false;
  try {
    const PageMap map(lines, {uint64_t{1} << 60});
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  CHECK(refused);
}

}  // namespace
}  // namespace gmem
