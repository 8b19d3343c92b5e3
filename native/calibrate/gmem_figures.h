// Figures of the real guest_memfd: one VM, one file, one slot, and the kvm engine's own guest.
//
// Every fault figure frees the very pages it then takes again, so that no page had to come back from a host below this
// one; only the first-touch figure takes memory as it comes. A sample works on kBatch pages of the file; after it none
// of them is present. What a figure lacks here is said with the errno.
#pragma once

#include <cstdint>
#include <memory>

#include "calibrate/sample.h"
#include "kvm/capabilities.h"
#include "kvm/handles.h"
#include "kvm/machine.h"

namespace gmem::calibrate {

class GmemFigures {
 public:
  // Whoever touches the pages.
  enum class By : uint8_t { kHost, kVcpu };

  // The file has `bytes`, whole 2M blocks. Nothing is opened before the first sample.
  explicit GmemFigures(uint64_t bytes = kBatchBytes) : bytes_(bytes) {}

  const kvm::Capabilities& capabilities();

  // A page that is not there: allocated, cleared, inserted, mapped.
  Sample fault_absent(By by);
  // A page that is there but not mapped.
  Sample fault_present(By by);
  // As fault_absent by the host, of another file and always of pages never touched; lacking when they are used up.
  Sample first_touch();
  Sample fallocate(uint64_t run_bytes);
  // Punches runs of pages that are there, mapped by the guest or by nobody.
  Sample punch(uint64_t run_bytes, bool mapped);
  // A guest that touches one mapped page and comes back by MMIO.
  Sample vcpu_round_trip();

  // Touches `bytes` of the file from `offset` on, once each page. REQUIRES: inside the file, whole pages.
  Sample touch_range(By by, uint64_t offset, uint64_t bytes);
  // Takes `bytes` more of anonymous memory and touches it, at most as much as the file has; 0, or the errno. Memory
  // that is released just before a touch is what the touch is served with, and was not handed back to a host below.
  int hold(uint64_t bytes);
  void release(uint64_t bytes);
  // Punches the whole file, if it was ever opened. 0, or the errno.
  int punch_all();

 private:
  static constexpr uint64_t kBatchBytes = uint64_t{4} << 20;

  // What keeps a figure from being measured; `lacks` nullptr when nothing does.
  Sample missing(By by);
  Sample open();
  int touch(By by, uint64_t offset, uint64_t bytes);
  int unmap(By by);
  int bind();
  int punch_range(uint64_t offset, uint64_t bytes);
  int allocate_range(uint64_t offset, uint64_t bytes);

  uint64_t bytes_;
  bool asked_ = false;
  bool opened_ = false;
  kvm::Capabilities caps_;
  // Order matters: the VM goes before its files, /dev/kvm last.
  kvm::Fd kvm_;
  std::shared_ptr<kvm::GmemFile> file_;
  kvm::Mapping window_;
  kvm::Fd fresh_;
  kvm::Mapping fresh_window_;
  uint64_t fresh_used_ = 0;
  std::unique_ptr<kvm::Machine> machine_;
  kvm::Mapping held_;
  uint64_t held_bytes_ = 0;
};

}  // namespace gmem::calibrate
