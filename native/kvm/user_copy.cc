#include "kvm/user_copy.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "spec.gen.h"

namespace gmem::kvm {
namespace {

constexpr uint64_t kPage = spec::kPageBytes;

uint64_t to_page_end(const uint8_t* address, uint64_t bytes) {
  return std::min(bytes, kPage - (reinterpret_cast<uintptr_t>(address) & (kPage - 1)));
}

// All of it or an errno; a signal only means another try.
template <typename Call>
int whole(uint64_t bytes, Call&& call) {
  for (;;) {
    const ssize_t n = call();
    if (n == static_cast<ssize_t>(bytes)) return 0;
    if (n >= 0) return EFAULT;
    if (errno != EINTR) return errno;
  }
}

Sameness sameness(const uint8_t* bytes, uint64_t count) {
  const bool mixed = count > 1 && std::memcmp(bytes, bytes + 1, count - 1) != 0;
  return {.any = count > 0, .mixed = mixed, .byte = count > 0 ? bytes[0] : uint8_t{0}};
}

}  // namespace

int UserCopy::open() {
  file_ = Fd(::memfd_create("gmem-copy", MFD_CLOEXEC));
  if (!file_) return errno;
  if (::ftruncate(file_.get(), kPage) != 0) return errno;
  page_ = Mapping::shared(file_.get(), kPage, 0);
  return page_ ? 0 : errno;
}

CopyResult UserCopy::fill(uint8_t* address, uint64_t bytes, uint8_t byte) {
  std::memset(page_.get(), byte, kPage);
  CopyResult out;
  while (out.done < bytes) {
    uint8_t* to = address + out.done;
    const uint64_t n = to_page_end(to, bytes - out.done);
    out.errno_number = whole(n, [&] { return ::pread(file_.get(), to, n, 0); });
    if (out.errno_number != 0) return out;
    out.done += n;
  }
  return out;
}

CopyResult UserCopy::read(uint8_t* address, uint64_t bytes, Sameness& seen) {
  CopyResult out;
  while (out.done < bytes) {
    const uint8_t* from = address + out.done;
    const uint64_t n = to_page_end(from, bytes - out.done);
    out.errno_number = whole(n, [&] { return ::pwrite(file_.get(), from, n, 0); });
    if (out.errno_number != 0) return out;
    seen.join(sameness(page_.get(), n));
    out.done += n;
  }
  return out;
}

}  // namespace gmem::kvm
