// The native engine: host memory, VMs, gmem files, and one method an op.
//
// Semantics: docs/semantics.md, section numbers are given at the methods. Single-threaded: one caller at a time. What a
// vCPU does (faults and accesses) takes the lane it runs on and counts there; every other op runs on the engine's own.
// Every op answers an errno and fills the values of its outcome. std::bad_alloc is the ENOMEM of `create` and `bind`,
// where the address space allows no more maps; from any other op, where there is no detail line left (or no memory of
// this machine), it ends the run. The op has then done a part of its work, and the engine is whole.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/arena.h"
#include "core/attributes.h"
#include "core/deferred_merges.h"
#include "core/frames.h"
#include "core/lane.h"
#include "core/objects.h"
#include "core/outcome.h"
#include "core/page_lines.h"
#include "core/pins.h"
#include "core/pool.h"
#include "core/rmp.h"
#include "core/simd.h"
#include "core/units.h"
#include "core/vcpus.h"
#include "core/virtual_array.h"
#include "spec.gen.h"

namespace gmem {

struct EngineOptions {
  spec::Knobs knobs;
  spec::Arch arch = spec::Arch::kNone;
  uint64_t memory_bytes = 0;  // rounded down to 2M, at least 2M
  bool contents = true;
  uint64_t resident_limit_bytes = 0;
  uint32_t seed = 0;
  const SimdKernels* simd = &best_simd();
};

// Which pages to count: those of whose page view bits (spec::kPageBit…) every one of `all`, none of `none`, and some
// of `any`, unless that is 0, is set.
struct PageQuery {
  uint32_t all = 0;
  uint32_t none = 0;
  uint32_t any = 0;
};

class BlockLock;
class Lookahead;

class Engine {
 public:
  // Throws std::invalid_argument for knobs that do not go together (lib/spec/supported.ts) and for host memory that has
  // too many pages, std::bad_alloc when the address space does not allow this much of it.
  explicit Engine(const EngineOptions& options);

  // Runs `count` ops; outcome i goes to outcomes[i] unless `outcomes` is null.
  void run(const spec::OpRecord* ops, uint64_t count, spec::OutcomeRecord* outcomes);

  // What a batch may take where many ops that name little take long: splits of 1G folios by conversions of a page.
  static constexpr std::chrono::milliseconds kLongTime{16};
  // The same until it has taken kLongTime, or until ops have named so many bytes that it may have taken 20 ms and
  // more. An op that names as many by itself is for run_on_vcpus, where it can be cut short: nothing runs when it is
  // the first. Returns how many ops ran.
  uint64_t run_until_long(const spec::OpRecord* ops, uint64_t count, spec::OutcomeRecord* outcomes);
  // Such an op, as things are now.
  bool takes_long(const spec::OpRecord& op) const;
  // The same on `threads` threads, 1 to kMostVcpuThreads, the caller's being one, until `control` says to end. Returns
  // how many ops ran: all of them, or, told to end, those before the op it was in and maybe some that other lanes had
  // gone ahead with. Throws std::system_error when the machine gives no more threads; then nothing ran.
  uint64_t run_on_vcpus(const spec::OpRecord* ops, uint64_t count, spec::OutcomeRecord* outcomes, uint32_t threads,
                        RunControl& control);
  VcpuFigures vcpu_figures() const;

  void counters(double* into) const;  // spec::kCounters values
  void errors(double* into) const;    // kErrnos values
  bool page_view(uint32_t gmem, int64_t first, uint64_t count, uint32_t* into) const;
  // Pages [first, end) of an open file that the query wants, those beyond the file left out; -1: not open.
  int64_t count_pages(uint32_t gmem, Run<Index> run, const PageQuery& query) const;
  int64_t file_size_bytes(uint32_t gmem) const;  // -1: not open
  std::vector<std::string> verify() const;

  uint64_t metadata_bytes() const;
  uint64_t resident_bytes() const { return arena_.resident_bytes(); }
  const SimdKernels& simd() const { return simd_; }

  static constexpr size_t kErrnos = Lane::kErrnos;

 private:
  using Errno = spec::Errno;
  using Outcome = spec::OutcomeRecord;

  // What an access or a fault found: the page, and how it is or would be mapped.
  struct Mapping {
    Pfn pfn{0};
    uint32_t order = 0;
    uint32_t level = 0;
    spec::Exit exit = spec::Exit::kNone;
  };
  // What a fault found, as the outcome of an op.
  static void set_mapping(Outcome& out, Errno error, const Mapping& mapping) {
    set_exit(out, mapping.exit);
    if (error != spec::kOk || mapping.exit == spec::Exit::kMmio) return;
    static_assert(spec::kFaultPfn == 0 && spec::kFaultOrder == 1 && spec::kFaultLevel == 2);
    set_first_values(out, static_cast<int64_t>(mapping.pfn.value), mapping.order, mapping.level);
  }
  // A range of bytes an op names, checked by the op.
  struct ByteRange {
    int64_t address;
    int64_t size;
    bool aligned() const { return ((address | size) & static_cast<int64_t>(kPageBytes - 1)) == 0; }
    bool positive() const { return address >= 0 && size > 0; }
    template <class Number>
    Run<Number> pages() const {
      const auto first = static_cast<uint64_t>(address) >> kPageShift;
      return {{first}, {first + (static_cast<uint64_t>(size) >> kPageShift)}};
    }
  };

  // Looks at Lane::interrupted in ops of many pages: every so many pages, 2M blocks of which a word or a line of flags
  // is looked at, ranges of unbound gfns, frames in a list. All are powers of two.
  static constexpr int64_t kPagesBetweenLooks = 64;
  static constexpr uint64_t kBlocksBetweenLooks = 1024;
  static constexpr uint64_t kRangesBetweenLooks = 4096;
  static constexpr uint64_t kFramesBetweenLooks = 1024;

  // Calls visit(part) for parts of the run, in order, with a look between two of them. False when told to end: then the
  // rest of the run was not visited. A short run is one part.
  template <class Number, class Visit>
  bool by_parts(Run<Number> run, Visit visit) {
    constexpr uint64_t kPages = kBlocksBetweenLooks << kBlockShift;
    while (run.size().value > kPages) {
      const Number cut{(run.first.value | (kPages - 1)) + 1};
      visit(Run<Number>{run.first, cut});
      if (lane_.interrupted()) return false;
      run.first = cut;
    }
    visit(run);
    return true;
  }
  // The same by how many ranges the parts have.
  template <class Visit>
  bool by_ranges(const KindRanges& ranges, Run<Gfn> run, Visit visit) {
    while (ranges.size() > kRangesBetweenLooks) {
      const Gfn cut = ranges.reach(run, kRangesBetweenLooks);
      if (cut >= run.end) break;
      visit(Run<Gfn>{run.first, cut});
      if (lane_.interrupted()) return false;
      run.first = cut;
    }
    visit(run);
    return true;
  }

  static constexpr std::chrono::nanoseconds kNoEnd{0};
  uint64_t run_for(const spec::OpRecord* ops, uint64_t count, spec::OutcomeRecord* outcomes,
                   std::chrono::nanoseconds most);
  template <bool kBeside>
  void run_one(Lane& lane, const spec::OpRecord& op, Outcome& out, bool kept);
  void run_on(Lane& lane, const spec::OpRecord& op, Outcome& out, bool kept);
  template <bool kKept>
  void run_some(const spec::OpRecord* ops, uint64_t first, uint64_t end, uint64_t count, spec::OutcomeRecord* outcomes,
                Lookahead& ahead);
  Errno dispatch(Lane& lane, const spec::OpRecord& op, Outcome& out);

  // vCPU threads.
  double named_bytes(const spec::OpRecord& op) const;
  double due_bytes(uint64_t later, DeferredMerges::Place& merge) const;
  static double bytes_of(const Slot& slot);
  static double bytes_of_slots(const Vm& vm);
  struct Epoch;
  // What lanes may take in an epoch without looking at each other.
  struct Supply {
    bool by_blocks = false;
    bool any = true;      // no allocation need be refused
    uint64_t blocks = 0;  // of buddy memory, whole free ones
    uint64_t budget = 0;
  };
  Supply supply() const;
  Epoch glance(const spec::OpRecord* ops, uint64_t first, uint64_t count, Outcome* outcomes) const;
  Epoch survey(const spec::OpRecord* ops, uint64_t first, uint64_t count, Outcome* outcomes) const;
  uint64_t absent_pages() const;
  uint32_t reserve_at_once() const;
  uint32_t part_of_lane(uint64_t all, uint32_t most) const;
  template <bool kKept>
  uint64_t run_share(Lane& lane, const Epoch& epoch, uint64_t& ran);
  uint64_t run_beside(Epoch& epoch);
  void gather();
  uint64_t run_alone(const spec::OpRecord* ops, uint64_t first, uint64_t end, Outcome* outcomes);
  ShardedLock* exclusive_lock(const spec::OpRecord& op);
  void settle();
  void muster(uint32_t threads);
  void expect_faults(uint64_t count_of_ops);

  // Sections 2 and 4: objects.
  Errno op_create(const spec::OpRecord& op);
  Errno op_bind(const spec::OpRecord& op);
  Growth growth_of(Pages size) const;
  Errno op_close(uint32_t gmem);
  Errno op_destroy(uint32_t vm);
  bool delete_slot(Vm& vm, uint32_t number);
  bool give_kinds_back(Vm& vm, Slot& slot);
  bool bury_vm(Vm& vm);
  void drop_file_if_unused(File& file);
  Vm& vm_record(uint32_t number);

  // Sections 3 and 14: host memory.
  Errno op_pressure(const spec::OpRecord& op);
  bool list_free_runs(uint32_t order, VirtualArray<uint32_t>& runs, uint64_t& listed);
  void let_go(uint64_t pages);
  uint64_t metadata_modelled() const;
  void note_metadata();
  void release_frame(Pfn pfn, Mobility mobility, bool poisoned);
  void release_healthy(const PageMap& pages, uint64_t block, const Bitmap512& leaving, Mobility mobility);
  void release_block(Pfn first, Mobility mobility);
  void release_huge_page(File& file, Pfn first, uint64_t poisoned);
  void orphan_unpinned(Pfn pfn, const PinnedFrame& frame);
  bool vmemmap_available(uint64_t huge_pages) const;
  void take_vmemmap(Lane& lane, Pfn huge_page);
  void give_vmemmap(Pfn huge_page);
  void return_vmemmap(Pfn huge_page);
  void huge_page_idle(Pfn first, bool poisoned);

  // Sections 5 and 15: kinds.
  Errno op_attributes(const spec::OpRecord& op);
  bool index_private(const File& file, Index index) const {
    return file.initially_private != file.changed_kinds->flagged(index);
  }
  bool page_of_slot_private(const Slot& slot, Gfn gfn) const {
    if (!in_place_) return initially_private_ != slot.kinds.flagged(gfn);
    return slot.file->open ? index_private(*slot.file, slot.index_of(gfn)) : initially_private_;
  }
  bool is_private(const Vm& vm, const Slot* slot, Gfn gfn) const {
    if (slot != nullptr) return page_of_slot_private(*slot, gfn);
    return initially_private_ != (!in_place_ && vm.changed_kinds.contains(gfn));
  }
  bool page_private(const File& file, const Slot* slot, Index index) const;
  Bitmap512 private_bits(const File& file, uint64_t block) const;
  uint64_t count_differing(const Vm& vm, Run<Gfn> run, bool to_private);
  uint64_t set_kind(Vm& vm, Run<Gfn> run, bool to_private);
  uint64_t flip_kind(Vm& vm, Run<Gfn> run, bool to_private);

  // Sections 6 and 16: folios, prepare, leaves.
  Errno fault_alone(Lane& lane, const spec::OpRecord& op, Outcome& out);
  // kBeside: other lanes run beside this one (lane.locks); what is alone has no trace of locks in its code.
  template <bool kBeside>
  Errno fault_in(Lane& lane, const spec::OpRecord& op, Slot& slot, Outcome& out);
  template <bool kBeside>
  Errno fault_first(Lane& lane, const spec::OpRecord& op, Slot& slot, Outcome& out);
  Errno fault_rest(Lane& lane, const spec::OpRecord& op, Slot& slot, Outcome& out);
  Errno fault_anywhere(Lane& lane, const spec::OpRecord& op, Outcome& out);
  Errno fault_beside(Lane& lane, const spec::OpRecord& op, Outcome& out);
  Errno fault_elsewhere(Lane& lane, const spec::OpRecord& op, const Slot& slot, Outcome& out);
  Errno fault(Lane& lane, Vm& vm, Slot* slot, Gfn gfn, bool to_private, bool map, Mapping& mapping);
  Errno fault_gmem(Lane& lane, Slot& slot, Gfn gfn, bool to_private, bool map, Mapping& mapping);
  template <bool kBeside>
  Errno fault_at(Lane& lane, Vm& vm, Slot* slot, Gfn gfn, bool to_private, bool map, Mapping& mapping);
  template <bool kBeside>
  bool fault_simply(Lane& lane, Slot& slot, Gfn gfn, bool to_private, Mapping& mapping);
  Errno fault_not_simple(Lane& lane, Slot& slot, Gfn gfn, bool to_private, bool map, Mapping& mapping);
  template <bool kBeside>
  Errno fault_unmapped(Lane& lane, Slot& slot, Gfn gfn, bool to_private, bool map, Mapping& mapping);
  // A live leaf for a private or a shared access to a page of a gmem file. It allows nothing that its page is not
  // prepared for.
  bool find_leaf(const Slot& slot, Gfn gfn, bool to_private, Mapping& mapping) const {
    if (prepares_every_fault_ && to_private) return false;
    if (!slot.file->pages.find_mapped(slot.index_of(gfn), mapping.pfn, mapping.order)) return false;
    mapping.level = mapping.order;
    return true;
  }
  template <bool kBeside>
  bool fault_fresh(Lane& lane, const Slot& slot, Index index, bool assign, Mapping& mapping);
  template <bool kBeside>
  bool fault_fresh_block(Lane& lane, const Slot& slot, Index index, bool assign, Mapping& mapping);
  template <bool kBeside>
  bool fault_fresh_page(Lane& lane, const Slot& slot, Index index, bool assign, Mapping& mapping);
  Errno fault_copy(Lane& lane, Slot& slot, Gfn gfn, bool map, Mapping& mapping);
  bool served_from_gmem(const File& file, bool to_private) const { return to_private || file.mmap || in_place_; }
  uint32_t mapping_order(const Slot& slot, const PageMap& pages, Index index) const;
  bool get_folio(Lane& lane, File& file, Index index, bool early = true) {
    Pfn pfn;
    return find_folio(lane, file, index, pfn, early);
  }
  bool find_folio(Lane& lane, File& file, Index index, Pfn& pfn, bool early = true) {
    return file.pages.find(index, pfn) || add_folio(lane, file, index, pfn, early);
  }
  bool add_folio(Lane& lane, File& file, Index index, Pfn& pfn, bool early);
  // The aligned range of indexes that a lane locks at once, by number.
  uint64_t lock_range(Index index) const { return index.value >> lock_order_; }
  void make_scheme_lock(File& file);
  bool take_page(Lane& lane, Mobility mobility, Pfn& pfn) {
    return lane.locks == nullptr ? frames_.take_page(mobility, pfn) : take_page_beside(lane, mobility, pfn);
  }
  bool take_page_beside(Lane& lane, Mobility mobility, Pfn& pfn) {
    return (lane.may_allocate && lane.reserve.take_page(mobility, pfn)) || take_page_refilled(lane, mobility, pfn);
  }
  bool take_page_refilled(Lane& lane, Mobility mobility, Pfn& pfn);
  bool take_block(Lane& lane, Mobility mobility, Pfn& first) {
    return lane.locks == nullptr ? frames_.take_block(mobility, first) : take_block_beside(lane, mobility, first);
  }
  bool take_block_beside(Lane& lane, Mobility mobility, Pfn& first) {
    return (lane.may_allocate && lane.reserve.take_block(mobility, first)) ||
           take_block_refilled(lane, mobility, first);
  }
  bool take_block_refilled(Lane& lane, Mobility mobility, Pfn& first);
  // Puts a 4K folio of this frame into the map and returns its block's line. Throws std::bad_alloc when there is no
  // line to be had; then the frame is given back.
  uint32_t hold_page(Lane& lane, PageMap& pages, Index index, Pfn pfn, Mobility mobility) {
    try {
      const uint32_t line = pages.open_line(index.block());
      pages.lines().insert(line, index.in_block(), pfn);
      return line;
    } catch (...) {
      not_held(lane, pages, index, pfn, mobility);
      throw;
    }
  }
  void not_held(Lane& lane, PageMap& pages, Index index, Pfn pfn, Mobility mobility);
  bool take_huge_page(Lane& lane, File& file, Pfn& first);
  bool add_pool_folio(Lane& lane, File& file, Index index);
  bool wants_huge(const File& file, uint64_t block) const;
  bool get_copy(Lane& lane, File& file, Index index);
  Errno prepare(Lane& lane, File& file, const Slot& slot, Index index, uint32_t order, bool hook) {
    return order == kOrder4k ? prepare_page(lane, file, slot, index, file.pages.pfn(index), hook)
                             : prepare_huge(lane, file, slot, index, order, hook);
  }
  Errno prepare_page(Lane& lane, File& file, const Slot& slot, Index index, Pfn pfn, bool hook);
  Errno prepare_unmarked_block(Lane& lane, File& file, const Slot& slot, uint64_t block, bool hook);
  Errno prepare_huge(Lane& lane, File& file, const Slot& slot, Index index, uint32_t order, bool hook);
  bool block_ready(const File& file, uint64_t block, bool hook) const;
  bool prepared(const File& file, Index index) const;
  bool prepared_beside(Lane& lane, const File& file, Index index) const;
  bool prepare_early(Lane& lane, File& file, Run<Index> run);
  bool prepare_hook(Lane& lane, Pfn first, uint32_t pages, Gfn gfn, uint16_t asid);
  bool hook_block(Lane& lane, Pfn first, uint32_t pages, Gfn gfn, uint16_t asid);
  // RMPUPDATE and PSMASH as the kernel issues them (section 26, engine_rmp.cc). False: given up, no entry has changed.
  bool assign_4k(Lane& lane, Pfn pfn, Gfn gfn, uint16_t asid) {
    const RmpCode code = rmp_.make_private_4k(pfn, gfn, asid);
    if (code != RmpCode::kOk && !assign_4k_again(lane, code, pfn, gfn, asid)) [[unlikely]]
      return false;
    lane.count(spec::Counter::kRmpupdate4k);
    return true;
  }
  bool assign_2m(Lane& lane, Pfn first, Gfn gfn, uint16_t asid) {
    const RmpCode code = rmp_.make_private_2m(first, gfn, asid);
    if (code != RmpCode::kOk && !assign_2m_again(lane, code, first, gfn, asid)) [[unlikely]]
      return false;
    lane.count(spec::Counter::kRmpupdate2m);
    return true;
  }
  bool assign_4k_again(Lane& lane, RmpCode code, Pfn pfn, Gfn gfn, uint16_t asid);
  bool assign_2m_again(Lane& lane, RmpCode code, Pfn first, Gfn gfn, uint16_t asid);
  void reassign_2m(Lane& lane, Pfn first, Gfn gfn, uint16_t asid);
  // Of the 2M entry that starts at `pfn` or of the page's own 4K entry.
  void make_shared(Lane& lane, Pfn pfn) {
    const bool huge = rmp_.is_huge(pfn);
    const RmpCode code = huge ? rmp_.make_shared_2m(pfn) : rmp_.make_shared_4k(pfn);
    if (code != RmpCode::kOk && !share_again(lane, code, pfn, huge)) [[unlikely]]
      return;
    lane.count(huge ? spec::Counter::kRmpupdate2m : spec::Counter::kRmpupdate4k);
  }
  bool share_again(Lane& lane, RmpCode code, Pfn pfn, bool huge);
  void smash(Pfn pfn);
  template <class Attempt>
  bool update_again(Lane& lane, RmpCode code, Pfn pfn, uint32_t order, uint32_t most, Attempt attempt);
  void attempt_failed(Lane& lane, spec::Counter counter);
  void set_fresh_paths(bool on);
  Errno prepare_error() const {
    return knobs_.prepare_errno == spec::PrepareErrno::kEFAULT ? spec::kEFAULT : spec::kEINVAL;
  }
  void mark_page(File& file, Index index) { file.pages.mark(index); }
  uint32_t install_leaf(Lane& lane, File& file, Index index, uint32_t level, bool map);
  void zap_page(Lane& lane, File& file, Index index);
  // Which leaves an invalidation reaches. Only tdx keeps private and shared ones in tables of their own; elsewhere all
  // go, whatever is asked for (kvm_gfn_range_filter_to_root_types).
  enum class Leaves : uint8_t { kAll, kPrivate, kShared };
  // By the file: by discard it holds private pages alone, in place pages of either kind.
  Leaves leaves_of_file() const { return in_place_ ? Leaves::kAll : Leaves::kPrivate; }
  bool zap(Lane& lane, File& file, Run<Index> run, Leaves which = Leaves::kAll);
  void zap_block(Lane& lane, File& file, uint64_t block, const Bitmap512& mask, Leaves which = Leaves::kAll);
  void zap_larger_leaf(Lane& lane, PageMap& pages, uint64_t block);
  bool zap_gfns(Vm& vm, Run<Gfn> run, Leaves which = Leaves::kAll);

  // Sections 22 and 23: what tdx does otherwise. Elsewhere nothing of it runs.
  Vm* first_run(Lane& lane, Vm& vm, Errno& refused);
  void add_page(File& file, Index index);
  Errno accept(Vm& vm, Slot* slot, Gfn gfn, bool huge, Outcome& out);
  Bitmap512 private_leaves(const File& file, uint64_t block) const;
  uint32_t install_sept_leaf(Lane& lane, File& file, Index index, uint32_t level, bool map);
  void zap_block_tdx(Lane& lane, File& file, uint64_t block, const Bitmap512& mask, Leaves which);
  void demote(Lane& lane, File& file, uint64_t block);
  void zap_turning(File& file, Run<Index> piece, bool on);
  bool mapping_refuses(const File& file, Run<Index> folio, Run<Index> zapped) const;

  // Section 7: accesses.
  Errno op_touch(Lane& lane, const spec::OpRecord& op, Outcome& out);
  Errno touch_pages(Lane& lane, const spec::OpRecord& op, Outcome& out);
  Errno touch_elsewhere(Lane& lane, const spec::OpRecord& op, const Slot& slot, Outcome& out);
  template <bool kBeside>
  Errno touch_first(Lane& lane, const spec::OpRecord& op, Slot& slot, Outcome& out);
  Errno touch_rest(Lane& lane, const spec::OpRecord& op, Slot& slot, bool to_private, Outcome& out);
  Errno op_guest_access(Lane& lane, const spec::OpRecord& op, bool write, Outcome& out);
  Errno op_host_access(const spec::OpRecord& op, bool write, Outcome& out);
  Errno op_vmm_access(const spec::OpRecord& op, bool write, Outcome& out);
  Errno access_page(Lane& lane, BlockLock& block, Vm& vm, Gfn gfn, Mapping& mapping);
  Errno host_page(File& file, Index index, Mapping& mapping);
  struct Transfer;
  bool write_page(Lane& lane, const Mapping& mapping, uint32_t offset, uint32_t bytes, uint8_t value);
  template <class Locate>
  Errno move_bytes(Lane& lane, const spec::OpRecord& op, bool write, Outcome& out, Locate locate);

  // Sections 8 and 19: fallocate and punch.
  Errno op_fallocate(const spec::OpRecord& op, Outcome& out);
  Errno op_punch(const spec::OpRecord& op, Outcome& out);
  struct PunchResult {
    uint64_t freed = 0;
    uint64_t zeroed = 0;
    uint64_t split = 0;
  };
  Run<Index> vmm_hole(const File& file, Run<Index> run) const;
  Run<Index> whole_huge_ranges(const File& file, Run<Index> run) const;
  PunchResult punch(File& file, Run<Index> run);
  Errno punch_pool(File& file, Run<Index> run, PunchResult& result, Index& refused);
  void punch_block(File& file, uint64_t block, const Bitmap512& mask, PunchResult& result);
  void free_folio(File& file, uint64_t block, PunchResult& result);
  void free_pages(File& file, uint64_t block, const Bitmap512& mask, PunchResult& result);
  bool drop_contents(const File& file, uint64_t first_block);
  void free_huge_page(File& file, uint64_t first_block, PunchResult& result);
  void free_everything(File& file);
  void zero_pages(File& file, uint64_t block, const Bitmap512& mask, PunchResult& result);
  void share_in_rmp(const File& file, uint64_t block, const Bitmap512& pages);
  bool drop_copies(File& file, Run<Index> run);
  void retain(File& file, Run<Index> run);
  void forget_retained(File& file, uint64_t block, const Bitmap512& pages);

  // Sections 9, 10 and 18.
  Errno op_convert(const spec::OpRecord& op, Outcome& out);
  void convert_by_discard(Vm& vm, Run<Gfn> run, bool to_private, Outcome& out);
  bool content_supported(const Vm& vm, spec::Content content, bool to_private) const;
  Errno convert_in_place(Vm& vm, Run<Gfn> run, bool to_private, spec::Content content, Outcome& out);
  struct Conversion;
  Errno convert_piece(Conversion& conversion, File& file, Run<Index> piece);
  bool any_differing(const ShareMap& kinds, Run<Index> run, bool on);
  Errno check_to_private(Conversion& conversion, File& file, Run<Index> piece);
  Errno check_to_shared(Conversion& conversion, File& file, Run<Index> piece);
  void split_for_shared(Lane& lane, File& file, uint64_t block, const Bitmap512& pages, uint64_t& splits);
  bool convert_page(File& file, Index index, bool to_private, spec::Content content, bool& changed);
  void convert_present_page(File& file, Index index, Pfn pfn, bool to_private, spec::Content content);
  void recount_shared_group(File& file, Index index, uint64_t flags);
  void convert_content(File& file, uint64_t block, const Bitmap512& pages, spec::Content content);
  void zero_piece(File& file, Run<Index> piece);
  // A run of blocks in which a conversion changed kinds.
  struct ChangedBlocks {
    File* file;
    uint64_t first;
    uint64_t end;
  };
  bool merge_if_possible(File& file, uint64_t first_block, uint64_t blocks);
  uint64_t merge_ranges(const std::vector<ChangedBlocks>& changed);
  uint64_t shared_groups(const File& file, uint64_t block) const;
  Errno op_populate(const spec::OpRecord& op, Outcome& out);
  Errno fill_page(const File& file, Index index, Pfn pfn, Gfn gfn, uint8_t fill);
  Errno populate_step(Vm& vm, Slot& slot, Gfn gfn, Gfn end, const spec::OpRecord& op, uint64_t& done);
  Errno op_finalize(uint32_t vm);
  Errno op_validate(const spec::OpRecord& op, Outcome& out);
  void handle_rmp_fault(Vm& vm, Slot& slot, Gfn gfn, Pfn pfn);

  // Sections 11 and 17: splits, merges, references, poison. A folio is named by its first block.
  Errno op_split(const spec::OpRecord& op, Outcome& out);
  Errno op_merge(const spec::OpRecord& op, Outcome& out);
  static uint64_t folio_first_block(const BlockWord& word, uint64_t block) {
    return word.held() == BlockWord::Held::k1g ? block / kRegionBlocks * kRegionBlocks : block;
  }
  static uint64_t folio_blocks(const BlockWord& word) {
    return word.held() == BlockWord::Held::k1g ? kRegionBlocks : 1;
  }
  uint64_t huge_blocks() const { return (uint64_t{1} << huge_order_) >> kBlockShift; }
  bool folio_referenced(const File& file, uint64_t first_block, uint64_t blocks) const;
  bool first_referenced(const File& file, Run<Index> run, Index& found) const;
  bool refuse_split(File& file, uint64_t block, Run<Index> zapped = {});
  void split_folio(Lane& lane, File& file, uint64_t block, uint32_t order);
  void split_1g(Lane& lane, File& file, uint64_t region, uint32_t order);
  void split_2m(Lane& lane, File& file, uint64_t block);
  bool block_mergeable(const File& file, uint64_t block) const;
  bool region_mergeable(const File& file, uint64_t region) const;
  bool all_private(const File& file, uint64_t first_block, uint64_t blocks) const;
  void merge_2m(File& file, uint64_t block);
  void merge_1g(File& file, uint64_t region);

  // Sections 24 and 25: promotion and deferred merges.
  void promote(File& file, uint64_t first_block, uint64_t blocks);
  bool mappable_2m(const File& file, const Slot* slot, uint64_t block) const;
  bool rmp_rebuildable(const File& file, const Slot& slot, uint64_t block) const;
  void rebuild_rmp(File& file, uint64_t block);
  void rebuild_table(File& file, uint64_t first_block, uint64_t blocks);
  void promote_sept(File& file, uint64_t block);
  void defer_merges(const std::vector<ChangedBlocks>& changed, bool to_private);
  void merge_deferred(uint64_t ops);
  // After an op that ran alone.
  void op_ended() {
    if (!between_ops_) [[likely]]
      return;
    if (knobs_.metadata != spec::Metadata::kStructPage) note_metadata();
    if (merges_later_) merge_deferred(1);
  }

  Errno op_pin(const spec::OpRecord& op, Outcome& out);
  Errno pin_page(File& file, Index index);
  Errno op_unpin(const spec::OpRecord& op, Outcome& out);
  Errno op_poison(const spec::OpRecord& op);
  Errno op_set(const spec::OpRecord& op);

  void count_host_leaves(double* into) const;

  // Section 13: counts of pages.
  bool prepared_as_marked(const File& file) const;
  uint64_t count_by_scan(const File& file, Run<Index> run, uint32_t bit) const;
  uint64_t count_by_bits(const File& file, Run<Index> run, const PageQuery& query) const;
  Bitmap512 view_bits(const File& file, uint64_t block, uint32_t bit) const;
  Bitmap512 shared_bits(const File& file, uint64_t block) const;
  Bitmap512 bound_bits(const File& file, uint64_t block) const;
  Bitmap512 prepared_bits(const File& file, uint64_t block) const;
  Bitmap512 pinned_bits(const File& file, uint64_t block) const;
  Bitmap512 rmp_bits(const File& file, uint64_t block, uint32_t bit) const;

  // Lookup. Ids are bounded by the callers' validation and checked again here.
  Vm* live_vm(uint32_t number) {
    if (number >= vms_.size()) return nullptr;
    Vm* const vm = vms_[number].get();
    if (vm == nullptr) [[unlikely]]
      return &vm_record(number);
    return vm->destroyed ? nullptr : vm;
  }
  // The VM of a vCPU's op; nullptr when it does not run, then `refused` says why.
  Vm* running_vm(Lane& lane, uint32_t number, Errno& refused) {
    refused = spec::kEBADF;
    if (number >= vms_.size()) return nullptr;
    Vm* const vm = vms_[number].get();
    if (vm != nullptr && vm->runs) [[likely]]
      return vm;
    return first_run(lane, vm_record(number), refused);
  }
  File* open_file(uint32_t gmem) const;
  uint16_t asid_of(uint32_t vm) const { return static_cast<uint16_t>(vm + 1); }
  void count(spec::Counter counter, uint64_t n = 1) { lane_.count(counter, n); }
  uint64_t value(spec::Counter counter) const { return lane_.value(counter); }
  void peak(spec::Counter counter, uint64_t now) { lane_.peak(counter, now); }

  static uint64_t pool_pages(const EngineOptions& options);

  const spec::Knobs knobs_;
  const spec::Arch arch_;
  const bool snp_;
  const bool tdx_;
  const bool initially_private_;
  const bool in_place_;
  const bool natural_;
  // natural on an arch whose guest table maps holes too: kind limits no mapping, a conversion zaps nothing.
  const bool one_table_;
  const bool prepares_every_fault_;  // the hook is called whether or not the page is marked
  // First faults that engine_fault_fresh.cc may take: where memory comes from the buddy frames and nothing happens
  // early; for whole blocks where the kinds of neighbours do not matter either. Neither while the RMP is busy.
  bool fresh_pages_ = false;
  bool fresh_blocks_ = false;
  const bool single_conversions_;  // engine_convert_page.cc may take conversions of one page
  const uint32_t huge_order_;
  // Of what a lane locks at once: at least what may be one folio, and where folios are of 2M several of them, so that a
  // walk does not take a lock an op.
  const uint32_t lock_order_;
  const bool merges_later_;
  const bool between_ops_;  // something happens after every op
  const uint32_t seed_;
  const SimdKernels& simd_;
  spec::Hugepages hugepages_now_;

  const Pages host_total_;
  Pool pool_;
  Frames frames_;
  Arena arena_;
  Rmp rmp_;
  PageLines page_lines_;
  FlagLines flag_lines_;
  Pins pins_;

  std::vector<std::unique_ptr<Vm>> vms_;
  std::vector<File*> files_by_id_;
  std::unordered_map<uint64_t, std::unique_ptr<File>> files_;  // by serial
  std::unordered_map<uint32_t, uint64_t> last_closed_;         // gmem id -> serial
  uint64_t next_serial_ = 1;
  uint64_t blocks_by_huge_pages_ = 0;  // of files whose words become resident so (growth_of)

  uint64_t retained_pages_ = 0;
  DeferredMerges deferred_;
  uint64_t ops_run_ = 0;        // counted with `merge: deferred`
  bool merges_due_ = false;     // a run was told to end before all that were due were tried: the next op does that
  uint64_t shared_groups_ = 0;  // runs of 64 indexes with a shared one, of open files
  std::unordered_map<uint64_t, std::vector<Pfn>> vmemmap_;  // of split huge pages, by first pfn
  uint64_t poisoned_out_ = 0;                               // frames that will never be used again
  uint64_t pressure_pages_ = 0;                             // frames other tenants took
  uint64_t buried_split_blocks_ = 0;                        // split_distinct of files that are gone
  uint64_t buried_merged_blocks_ = 0;                       // merge_distinct of files that are gone
  uint64_t buried_split_regions_ = 0;                       // the same for 1G
  uint64_t buried_merged_regions_ = 0;
  Lane lane_;  // of serial ops; holds the totals
  VcpuFigures figures_;
  std::unique_ptr<Vcpus> vcpus_;  // from the first run on threads

  friend class Verifier;
};

}  // namespace gmem
