// One calibration: every figure by its name, a sample a call. A call takes milliseconds (a fraction of a second where
// the host below has to find memory first), so that whoever calls can stop between two.
//
// While a call runs, its thread is pinned to one processor, the one it was first called on; afterwards the thread has
// its own affinity back.
#pragma once

#include <sched.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "calibrate/gmem_figures.h"
#include "calibrate/host_figures.h"
#include "calibrate/sample.h"

namespace gmem::calibrate {

class Session {
 public:
  // `hold_bytes`: memory held for the clearing figures.
  explicit Session(uint64_t hold_bytes);

  static std::vector<const char*> names();
  // A sample of the named figure; false when there is no such figure.
  bool sample(std::string_view name, Sample& out);

  // Ticks of the processor's clock a second, from the start of the session to now; 0 where there is none.
  double ticks_per_second() const;
  // The processor samples were taken on; -1 before the first, and where pinning was refused.
  int processor() const { return processor_; }
  const kvm::Capabilities& capabilities() { return gmem_.capabilities(); }

 private:
  HostFigures host_;
  GmemFigures gmem_;
  uint64_t started_ns_;
  uint64_t started_ticks_;
  bool tried_to_pin_ = false;
  int processor_ = -1;
};

}  // namespace gmem::calibrate
