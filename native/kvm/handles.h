// Owners of what must not be left behind: a descriptor and a mapping. Move-only; empty ones own nothing.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace gmem::kvm {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // KVM hands out descriptors that a child process would inherit.
  void close_on_exec() const { (void)::fcntl(fd_, F_SETFD, FD_CLOEXEC); }

 private:
  int fd_ = -1;
};

class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept : base_(std::exchange(other.base_, nullptr)), bytes_(other.bytes_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    if (this != &other) {
      reset();
      base_ = std::exchange(other.base_, nullptr);
      bytes_ = other.bytes_;
    }
    return *this;
  }
  ~Mapping() { reset(); }

  // Maps `bytes` of `fd` (-1: anonymous) from `offset`, shared, readable and writable, not inherited by child
  // processes. Empty on failure, errno says why.
  static Mapping shared(int fd, uint64_t bytes, uint64_t offset) {
    Mapping out;
    const int flags = MAP_SHARED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);
    void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, static_cast<off_t>(offset));
    if (base == MAP_FAILED) return out;
    (void)::madvise(base, bytes, MADV_DONTFORK);
    out.base_ = static_cast<uint8_t*>(base);
    out.bytes_ = bytes;
    return out;
  }

  // Takes `bytes` of address space that nothing can be read from or written to. Empty on failure, errno says why.
  static Mapping reserved(uint64_t bytes) {
    Mapping out;
    void* base = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return out;
    out.base_ = static_cast<uint8_t*>(base);
    out.bytes_ = bytes;
    return out;
  }

  uint8_t* get() const { return base_; }
  uint64_t bytes() const { return base_ == nullptr ? 0 : bytes_; }
  explicit operator bool() const { return base_ != nullptr; }
  void reset() {
    if (base_ != nullptr) ::munmap(std::exchange(base_, nullptr), bytes_);
  }

 private:
  uint8_t* base_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace gmem::kvm
