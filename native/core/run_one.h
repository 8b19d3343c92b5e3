// One op on a lane, and what every op leaves behind however it went: for the loops over ops.
#pragma once

#include "core/engine.h"

namespace gmem {

// `kept`: somebody looks at the outcome. kBeside: lanes run beside this one.
template <bool kBeside>
[[gnu::always_inline]] inline void Engine::run_one(Lane& lane, const spec::OpRecord& op, Outcome& out, bool kept) {
  if (kept) {
    out = Outcome{};
  } else {
    out.exit = 0;  // all that is read of it here
  }
  // Most ops by far.
  const bool is_fault = static_cast<spec::OpKind>(op.kind) == spec::OpKind::kFault;
  const Errno error = !is_fault ? dispatch(lane, op, out)
                      : kBeside ? fault_beside(lane, op, out)
                                : fault_alone(lane, op, out);
  if (lane.stop != Lane::Stop::kNo) [[unlikely]]
    return;
  if (error != spec::kOk) {
    out.errno_number = error;
    ++lane.errors[error];
  }
  if (out.exit != 0) lane.count(spec::Counter::kExits);
}

}  // namespace gmem
