// Recounts an engine from its primary state: who owns each frame, what is marked, mapped and assigned, and every
// counter that follows from it. Says in words what does not hold; stops naming after the first kMostProblems.
//
// Pages are looked at by the block where one look can tell that all of a block's hold (verifier_blocks.cc), one by one
// where it cannot, and wherever something has to be named. A problem is put into words only when there is one.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "core/engine.h"
#include "core/virtual_array.h"

namespace gmem {

class Verifier {
 public:
  explicit Verifier(const Engine& engine);
  std::vector<std::string> run();

 private:
  static constexpr size_t kMostProblems = 64;

  void check_file(const File& file);
  void check_word(const PageMap& pages, const File& file, uint64_t block);
  void check_gmem_block(const File& file, uint64_t block);
  void check_page(const File& file, Index index, bool marked, bool& huge_entry);
  void check_copy_block(const File& file, uint64_t block);
  void check_region(const File& file, uint64_t region);
  void check_kinds_in_place(const File& file, uint64_t block);
  void check_shared_ranges(const File& file);
  void check_leaves(const File& file, uint64_t block);
  void check_leaf(const File& file, Index index, uint32_t order);
  void check_sept(const File& file, uint64_t block);
  void check_pool();
  void check_huge_entry(const File& file, uint64_t block);
  void check_lines();
  void check_rmp();
  void check_memory();
  void check_counters();
  void check_kinds();
  void check_deferred();

  // Whole blocks (verifier_blocks.cc). True: what the functions by page would check holds of every page, and is
  // counted. False: nothing is known, and nothing was counted.
  bool own_run(Pfn first);
  bool run_holds(const File& file, uint64_t block, const Bitmap512& marked);
  bool rmp_holds(const File& file, uint64_t block, const Bitmap512& marked, uint64_t& assigned) const;
  bool leaves_hold(const File& file, uint64_t block) const;
  bool rmp_allows(const File& file, const Slot& slot, uint64_t block, const Bitmap512& mapped, uint32_t order) const;

  void own(Pfn pfn, const File& file, Index index, const char* what);
  bool is_free(Pfn pfn) const {
    return engine_.pool_.holds(pfn) ? engine_.pool_.is_free(pfn) : engine_.frames_.is_free(pfn);
  }
  bool owned(Pfn pfn) const { return owned_[pfn.value / 64] >> (pfn.value % 64) & 1; }
  // `what` is words, or makes them.
  template <class What>
  void expect(bool holds, const What& what) {
    if (holds || problems_.size() >= kMostProblems) [[likely]]
      return;
    if constexpr (std::is_invocable_v<What>) {
      problems_.push_back(what());
    } else {
      problems_.push_back(what);
    }
  }
  void expect_at(bool holds, const File& file, Index index, const char* what) {
    if (!holds) [[unlikely]]
      name_at(file, index, what);
  }
  [[gnu::noinline]] void name_at(const File& file, Index index, const std::string& what);
  void same(const char* what, uint64_t kept, uint64_t recounted);

  const Engine& engine_;
  std::vector<std::string> problems_;
  VirtualArray<uint64_t> owned_;  // a bit a frame
  uint64_t owned_frames_ = 0;
  std::vector<bool> line_seen_;  // of the lines ever taken
  uint64_t lines_seen_ = 0;
  uint64_t folios_4k_ = 0;
  uint64_t folios_2m_ = 0;
  uint64_t folios_1g_ = 0;
  uint64_t unsplit_huge_ = 0;
  uint64_t split_huge_ = 0;
  uint64_t retained_ = 0;
  uint64_t shared_groups_ = 0;
  uint64_t copy_pages_ = 0;
  uint64_t leaves_4k_ = 0;
  uint64_t leaves_2m_ = 0;
  uint64_t leaves_1g_ = 0;
  uint64_t private_leaves_ = 0;  // entries of the S-EPT
  uint64_t accepted_ = 0;        // accepted pages found under them, of one file
  uint64_t assigned_ = 0;        // RMP-assigned pages found through files
  uint64_t split_blocks_ = 0;
  uint64_t merged_blocks_ = 0;
  uint64_t split_regions_ = 0;
  uint64_t merged_regions_ = 0;
};

}  // namespace gmem
