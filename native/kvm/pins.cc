#include "kvm/pins.h"

#include <sys/syscall.h>
#include <sys/uio.h>

#include <cerrno>

#include "spec.gen.h"

namespace gmem::kvm {
namespace {

// Numbers and layouts of the io_uring user ABI; distribution headers may be older than what is used here.
constexpr long kSetup = 425;
constexpr long kRegister = 427;
constexpr unsigned kRegisterBuffers2 = 15;
constexpr unsigned kRegisterBuffersUpdate = 16;
constexpr uint32_t kSparse = 1;
constexpr size_t kParamsBytes = 120;

struct RegisterTable {
  uint32_t count;
  uint32_t flags;
  uint64_t reserved;
  uint64_t data;
  uint64_t tags;
};
static_assert(sizeof(RegisterTable) == 32);

struct UpdateTable {
  uint32_t offset;
  uint32_t reserved;
  uint64_t data;
  uint64_t tags;
  uint32_t count;
  uint32_t reserved2;
};
static_assert(sizeof(UpdateTable) == 32);

}  // namespace

int Pins::open() {
  alignas(8) uint8_t params[kParamsBytes] = {};
  Fd ring(static_cast<int>(::syscall(kSetup, 1, params)));
  if (!ring) return errno;
  ring.close_on_exec();
  const RegisterTable table{.count = kMost, .flags = kSparse, .reserved = 0, .data = 0, .tags = 0};
  long made;
  do {
    made = ::syscall(kRegister, ring.get(), kRegisterBuffers2, &table, sizeof table);
  } while (made < 0 && errno == EINTR);
  if (made != 0) return errno;
  ring_ = std::move(ring);
  free_.clear();
  for (uint32_t number = kMost; number > 0; --number) free_.push_back(number - 1);
  return 0;
}

int Pins::update(uint32_t number, uint8_t* address, uint64_t bytes) {
  const iovec page{.iov_base = address, .iov_len = bytes};
  UpdateTable update{};
  update.offset = number;
  update.data = reinterpret_cast<uint64_t>(&page);
  update.count = 1;
  long done;
  do {
    done = ::syscall(kRegister, ring_.get(), kRegisterBuffersUpdate, &update, sizeof update);
  } while (done < 0 && errno == EINTR);
  return done == 1 ? 0 : errno;
}

int Pins::pin(uint8_t* address, uint32_t& number) {
  if (!ring_) return EOPNOTSUPP;
  if (free_.empty()) return ENOMEM;
  if (const int error = update(free_.back(), address, spec::kPageBytes); error != 0) return error;
  number = free_.back();
  free_.pop_back();
  return 0;
}

void Pins::unpin(uint32_t number) {
  (void)update(number, nullptr, 0);
  free_.push_back(number);
}

}  // namespace gmem::kvm
