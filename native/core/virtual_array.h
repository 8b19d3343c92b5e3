// A fixed-capacity array in its own anonymous mapping: zero when first read, resident only where written, so capacity
// can follow what is possible (a 4 TiB guest, a file of 2^53 bytes) while memory follows what is used.
//
// REQUIRES: T is trivially copyable and all-zero bytes are its empty value.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace gmem {

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
      : base_(std::exchange(other.base_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  VirtualArray& operator=(VirtualArray&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(capacity_, other.capacity_);
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

 private:
  T* base_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace gmem
