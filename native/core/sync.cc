#include "core/sync.h"

#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace gmem {

#if defined(__linux__) && defined(__NR_membarrier)

namespace {
long membarrier(int command) { return syscall(__NR_membarrier, command, 0, 0); }
}  // namespace

bool can_fence_others() {
  // A process says once that it will.
  static const bool can = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
  return can;
}
void fence_others() { membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); }

#else

bool can_fence_others() { return false; }
void fence_others() {}

#endif

}  // namespace gmem
