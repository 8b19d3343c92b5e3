// A fixed-capacity array in its own anonymous mapping: zero when first read, resident only where written, so capacity
// can follow what is possible (a 4 TiB guest, a file of 2^53 bytes) while memory follows what is used.
//
// An owner that is about to write an element may say so before it reads it (expect): the pages are then made resident
// in one call, and with them, where those before are in use, an eighth as many behind, 64 KiB at least (by huge pages
// from 4 MiB on). That saves the page faults: two a page where it is read first, the second of which interrupts every
// other processor that runs a thread of this process. It changes no value.
//
// The first element lies some cache lines and pages into the mapping, in each array at another place. Elements of one
// index of several arrays, which an op visits together, would otherwise have equal low address bits where capacities
// are powers of two, and so one set of the first-level cache: it made faults twice as dear from 512 GiB on.
//
// REQUIRES: T is trivially copyable and all-zero bytes are its empty value.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

namespace gmem {

// How an array becomes resident: with its use, or, if it has at least kLeastByHugePages, a huge page at a time. The
// latter is for an array that is mostly filled where it is used at all; whoever makes them bounds them, since each may
// take a huge page for one element, and two mappings of the process.
enum class Growth : uint8_t { kWithUse, kByHugePages };

// The mapping of an array of `bytes` bytes: a byte a kGranuleBytes of elements that tells whether they were made
// resident (atomic where threads share it), and behind them the elements.
struct ArrayMapping {
  static constexpr size_t kGranuleBytes = 4096;
  static constexpr size_t kLeastByHugePages = size_t{1} << 20;

  char* mapped = nullptr;
  size_t mapped_bytes = 0;
  char* elements = nullptr;
  uint8_t* resident = nullptr;
  size_t bytes = 0;
  bool by_huge_pages = false;
  size_t made_resident = 0;  // granules below were, by make_resident

  // `alignment` is of an element; pages stay pages. Throws std::bad_alloc when the address space does not allow it.
  static ArrayMapping make(size_t bytes, size_t alignment, Growth growth);
  size_t granules() const { return bytes / kGranuleBytes + 1; }
  void unmap();
  uintptr_t address(size_t granule) const { return reinterpret_cast<uintptr_t>(elements) + granule * kGranuleBytes; }
  // Makes this granule resident, and those behind it that a walk in order will need next.
  void run_ahead(size_t granule);
  // Makes the first `size` bytes resident, if the mapping grows by huge pages. REQUIRES: no other thread is here.
  void make_resident(size_t size);
  // Nothing is left for make_resident to do.
  bool is_resident(size_t size) const { return !by_huge_pages || made_resident >= granules_of(size); }

 private:
  void populate(size_t granule, uintptr_t begin, uintptr_t end);
  size_t granules_of(size_t size) const { return std::min(granules(), (size + kGranuleBytes - 1) / kGranuleBytes); }
};

template <class T>
class VirtualArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  VirtualArray() = default;

  // Throws std::bad_alloc when the address space does not allow it.
  explicit VirtualArray(size_t capacity, Growth growth = Growth::kWithUse) : capacity_(capacity) {
    if (capacity == 0) return;
    if (capacity > SIZE_MAX / sizeof(T)) throw std::bad_alloc();
    mapping_ = ArrayMapping::make(capacity * sizeof(T), alignof(T), growth);
    base_ = reinterpret_cast<T*>(mapping_.elements);
  }

  VirtualArray(VirtualArray&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)),
        mapping_(std::exchange(other.mapping_, {})) {}
  VirtualArray& operator=(VirtualArray&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(capacity_, other.capacity_);
    std::swap(mapping_, other.mapping_);
    return *this;
  }
  VirtualArray(const VirtualArray&) = delete;
  VirtualArray& operator=(const VirtualArray&) = delete;
  ~VirtualArray() {
    if (base_ != nullptr) mapping_.unmap();
  }

  T& operator[](size_t i) { return base_[i]; }
  const T& operator[](size_t i) const { return base_[i]; }
  T* data() { return base_; }
  const T* data() const { return base_; }
  size_t capacity() const { return capacity_; }

  // Element i is about to be read and written. Safe beside other threads: what two of them make resident twice is
  // resident.
  [[gnu::always_inline]] void expect(size_t i) {
    const size_t granule = i * sizeof(T) / ArrayMapping::kGranuleBytes;
    if (std::atomic_ref(mapping_.resident[granule]).load(std::memory_order_relaxed) == 0) [[unlikely]]
      mapping_.run_ahead(granule);
  }
  // The first `count` elements will mostly be written, by several threads: where the array grows by huge pages, those
  // are made now, by one of them. REQUIRES: no other thread is here.
  void expect_all(size_t count) {
    if (count != 0) mapping_.make_resident(std::min(count, capacity_) * sizeof(T));
  }
  // Nothing is left for that to do.
  bool expected(size_t count) const {
    return count == 0 || mapping_.is_resident(std::min(count, capacity_) * sizeof(T));
  }
  // Brings the element's cache line near; nothing happens when there is none. Inlined always, and so must be whatever
  // does nothing but call it: GCC takes a function that only prefetches for one without effect and drops its calls.
  [[gnu::always_inline]] void prefetch(size_t i) const { __builtin_prefetch(base_ + i); }

 private:
  T* base_ = nullptr;
  size_t capacity_ = 0;
  ArrayMapping mapping_;
};

}  // namespace gmem
