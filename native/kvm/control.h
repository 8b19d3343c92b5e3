// ioctl that means it: a signal, or work the kernel queued for this thread (io_uring does that), is no answer to an op.
// Creating a VM, a vCPU or a slot waits inside the kernel and can be interrupted.
#pragma once

#include <sys/ioctl.h>

#include <cerrno>

namespace gmem::kvm {

template <typename Argument>
int control(int fd, unsigned long request, Argument argument) {
  int result;
  do {
    result = ::ioctl(fd, request, argument);
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace gmem::kvm
