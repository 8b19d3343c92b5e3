// The kvm engine: every op of the stream as the system calls a VMM would make, the answer as the kernel gave it.
//
// What the engine itself decides: which id names which descriptor (EBADF, EEXIST of create), sizes <= 0 of accesses,
// and ENOMEM where an op could take more of this machine's memory than the limit. Everything else is the kernel's
// answer, or EOPNOTSUPP where this kernel has no such thing.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kvm/capabilities.h"
#include "kvm/machine.h"
#include "kvm/pins.h"
#include "kvm/user_copy.h"
#include "spec.gen.h"

namespace gmem::kvm {

struct Figures {
  uint64_t vms = 0;
  uint64_t files = 0;
  uint64_t slots = 0;
  uint64_t guest_runs = 0;
  uint64_t guest_crashes = 0;
  uint64_t resident_bytes_bound = 0;
  uint64_t refused_by_limit = 0;
};

class Engine {
 public:
  static constexpr size_t kErrnos = 256;

  // Opens the kernel's side. False when something is missing; `capabilities()` says what.
  bool open(uint64_t resident_limit_bytes);
  const Capabilities& capabilities() const { return caps_; }

  spec::OutcomeRecord run(const spec::OpRecord& op);

  // Ends a guest program of this VM in a triple fault: what is left then is for tests to see. The errno of the run.
  int crash(uint32_t vm);

  const uint64_t* errors() const { return errors_; }
  // -1: not open.
  int64_t file_size(uint32_t gmem) const;
  // What is known of `count` pages from index `first`: bit 0 present and cleared, where the kernel says (files with
  // `mmap` and `init-shared`), bit 1 bound. False: not open.
  bool pages(uint32_t gmem, uint64_t first, uint64_t count, uint8_t* into);
  Figures figures() const;
  std::vector<std::string> verify() const;

 private:
  using Outcome = spec::OutcomeRecord;

  Outcome create(const spec::OpRecord& op);
  Outcome bind(const spec::OpRecord& op);
  Outcome fallocate(const spec::OpRecord& op, bool punch);
  Outcome guest(const spec::OpRecord& op, Action action, uint64_t size);
  Outcome fault(const spec::OpRecord& op);
  Outcome host(const spec::OpRecord& op, bool write);
  Outcome vmm(const spec::OpRecord& op, bool write);
  Outcome pin(const spec::OpRecord& op);
  Outcome unpin(const spec::OpRecord& op);
  Outcome close(const spec::OpRecord& op);
  Outcome destroy(const spec::OpRecord& op);

  // The VM of an op, made when first named; nullptr with `error` set.
  Machine* machine(uint32_t vm, int& error);
  GmemFile* file(uint32_t gmem) const;
  CopyResult host_access(GmemFile& file, uint64_t offset, uint64_t size, bool write, uint8_t byte, Sameness& seen);
  CopyResult vmm_page(Slot& slot, uint64_t gpa, uint64_t size, bool write, uint8_t byte, Sameness& seen);
  // Reserves [start, end) of a file's contents. False: that would be above the limit.
  bool charge(Intervals& resident, uint64_t start, uint64_t end);
  bool charge_slots(Machine& machine, uint64_t gpa, uint64_t size);
  uint64_t resident_total() const;
  enum class Which : uint8_t { kOldest, kNewest };
  int pin_page(GmemFile& file, uint64_t index);
  // False when the page has no reference.
  bool unpin_page(GmemFile& file, uint64_t index, Which which);
  // The slot that shows this offset of a file; nullptr when none does.
  Slot* slot_of_index(const GmemFile& file, uint64_t offset);

  Capabilities caps_;
  Fd kvm_;
  UserCopy copy_;
  Pins pins_;
  uint64_t limit_ = 0;
  uint64_t refused_by_limit_ = 0;
  uint64_t past_runs_ = 0;
  uint64_t past_crashes_ = 0;
  uint64_t errors_[kErrnos] = {};
  // Order matters at the end: VMs and their slots go before files.
  std::unordered_map<uint32_t, std::shared_ptr<GmemFile>> files_;
  std::vector<std::weak_ptr<GmemFile>> all_files_;
  // The last file created under each id.
  std::unordered_map<uint32_t, std::weak_ptr<GmemFile>> latest_;
  std::unordered_set<std::shared_ptr<GmemFile>> pinned_;
  std::unordered_set<uint32_t> destroyed_;
  std::map<uint32_t, std::unique_ptr<Machine>> machines_;
};

}  // namespace gmem::kvm
