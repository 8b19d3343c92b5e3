// Recounts an engine from its primary state: who owns each frame, what is marked, mapped and assigned, and every
// counter that follows from it. Says in words what does not hold; stops naming after the first kMostProblems.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/engine.h"

namespace gmem {

class Verifier {
 public:
  explicit Verifier(const Engine& engine);
  std::vector<std::string> run();

 private:
  static constexpr size_t kMostProblems = 64;

  void check_file(const File& file);
  void check_gmem_block(const File& file, uint64_t block);
  void check_copy_block(const File& file, uint64_t block);
  void check_region(const File& file, uint64_t region);
  void check_kinds_in_place(const File& file, uint64_t block);
  void check_shared_ranges(const File& file);
  void check_leaves(const File& file, uint64_t block);
  void check_sept(const File& file, uint64_t block);
  void check_pool();
  void check_huge_entry(const File& file, uint64_t block);
  void check_rmp();
  void check_memory();
  void check_counters();
  void check_kinds();
  void check_deferred();

  void own(Pfn pfn, const File& file, Index index, const char* what);
  void expect(bool holds, const std::string& problem);
  void same(const char* what, uint64_t kept, uint64_t recounted);
  bool owned(Pfn pfn) const { return owned_[pfn.value / 64] >> (pfn.value % 64) & 1; }

  const Engine& engine_;
  std::vector<std::string> problems_;
  std::vector<uint64_t> owned_;  // a bit a frame
  uint64_t owned_frames_ = 0;
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
