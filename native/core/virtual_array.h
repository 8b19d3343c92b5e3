// A fixed-capacity array in its own anonymous mapping: zero when first read, resident only where written, so capacity
// can follow what is possible (a 4 TiB guest, a file of 2^53 bytes) while memory follows what is used.
//
// An owner that first writes its elements roughly in ascending order may say so (expect): the array is then made
// resident a little ahead of its use, an eighth of what is in use, by huge pages from 4 MiB on. That costs one call a
// step instead of one or two page faults a page, and changes no value.
//
// REQUIRES: T is trivially copyable and all-zero bytes are its empty value.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace gmem {

// Makes a little more of a mapping of `size` bytes resident: from `ahead`, what is already so, on. `wanted` is the byte
// about to be written; when it lies far beyond, nothing is done. Returns the new `ahead`.
size_t run_ahead(void* base, size_t size, size_t ahead, size_t wanted);

template <class T>
class VirtualArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  VirtualArray() = default;

  // Throws std::bad_alloc when the address space does not allow it.
  explicit VirtualArray(size_t capacity) : capacity_(capacity) {
    if (capacity == 0) return;
    if (capacity > SIZE_MAX / sizeof(T)) throw std::bad_alloc();
    void* base =
        mmap(nullptr, capacity * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<T*>(base);
  }

  VirtualArray(VirtualArray&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        ahead_(std::exchange(other.ahead_, 0)) {}
  VirtualArray& operator=(VirtualArray&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(capacity_, other.capacity_);
    std::swap(ahead_, other.ahead_);
    return *this;
  }
  VirtualArray(const VirtualArray&) = delete;
  VirtualArray& operator=(const VirtualArray&) = delete;
  ~VirtualArray() {
    if (base_ != nullptr) munmap(base_, capacity_ * sizeof(T));
  }

  T& operator[](size_t i) { return base_[i]; }
  const T& operator[](size_t i) const { return base_[i]; }
  T* data() { return base_; }
  const T* data() const { return base_; }
  size_t capacity() const { return capacity_; }

  // Element i is about to be written, and elements are first written roughly in ascending order. Safe beside other
  // threads: what two of them make resident twice is resident.
  void expect(size_t i) {
    if (i >= std::atomic_ref(ahead_).load(std::memory_order_relaxed)) [[unlikely]]
      reach(i);
  }
  // Brings the element's cache line near; nothing happens when there is none. Inlined always, and so must be whatever
  // does nothing but call it: GCC takes a function that only prefetches for one without effect and drops its calls.
  [[gnu::always_inline]] void prefetch(size_t i) const { __builtin_prefetch(base_ + i); }

 private:
  [[gnu::noinline]] void reach(size_t i) {
    std::atomic_ref ahead(ahead_);
    const size_t bytes =
        run_ahead(base_, capacity_ * sizeof(T), ahead.load(std::memory_order_relaxed) * sizeof(T), i * sizeof(T));
    ahead.store(bytes / sizeof(T), std::memory_order_relaxed);
  }

  T* base_ = nullptr;
  size_t capacity_ = 0;
  size_t ahead_ = 0;  // elements below were made resident ahead of their use
};

}  // namespace gmem
