// What threads of the engine synchronise with; the only file of the core that knows how.
//
// Core code takes these through guards (fault_locks.h) that do nothing on a lane that runs alone: the same source then
// has no lock and no atomic read-modify-write on its path.
//
// A taker that finds a lock held spins, then yields its processor to whoever holds it. It counts how often and how long
// it waited: figures of this machine, never of the model. LockFigures are its own, or guarded by the lock they are of.
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace gmem {

inline constexpr size_t kCacheLineBytes = 64;
// Two lines: processors fetch them in pairs.
inline constexpr size_t kNoSharingBytes = 2 * kCacheLineBytes;

// One kind of lock as one lane met it.
struct LockFigures {
  uint64_t acquisitions = 0;
  uint64_t waits = 0;  // acquisitions that found the lock held
  uint64_t wait_ns = 0;

  void add(const LockFigures& other) {
    acquisitions += other.acquisitions;
    waits += other.waits;
    wait_ns += other.wait_ns;
  }
};

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until `ready()`: briefly spinning, then giving the processor away between looks.
template <class Ready>
void spin_until(Ready ready) {
  constexpr int kSpins = 64;
  for (int i = 0; i < kSpins; ++i) {
    if (ready()) return;
    relax();
  }
  while (!ready()) sched_yield();
}

// The same, with the time it took counted as a wait.
template <class Ready>
[[gnu::noinline]] void wait_until(LockFigures& figures, Ready ready) {
  const auto begin = std::chrono::steady_clock::now();
  spin_until(ready);
  const auto took = std::chrono::steady_clock::now() - begin;
  ++figures.waits;
  figures.wait_ns += static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
}

class SpinLock {
 public:
  bool try_lock() { return !held_.exchange(true, std::memory_order_acquire); }
  void lock(LockFigures& figures) {
    if (!try_lock()) {
      wait_until(figures, [this] {
        if (!wanted()) wanted_.store(true, std::memory_order_relaxed);
        return !held_.load(std::memory_order_relaxed) && try_lock();
      });
      // Whoever else waits says so again.
      wanted_.store(false, std::memory_order_relaxed);
    }
    ++figures.acquisitions;
  }
  void unlock() { held_.store(false, std::memory_order_release); }
  // Somebody waits, or did a moment ago: for a holder that could also do without.
  bool wanted() const { return wanted_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> held_{false};
  std::atomic<bool> wanted_{false};
};

class SpinGuard {
 public:
  SpinGuard(SpinLock& lock, LockFigures& figures) : lock_(lock) { lock_.lock(figures); }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;
  ~SpinGuard() { lock_.unlock(); }

 private:
  SpinLock& lock_;
};

// Many spin locks, found by the number of what they guard. Neighbouring numbers have neighbouring locks, several a
// cache line: whoever walks memory takes a line from another processor once in a while, not at every step. Runs of 4096
// numbers are shifted against each other, so that two who walk side by side, any power of two apart, do not meet at
// every step.
class StripedLock {
 public:
  StripedLock() : stripes_(kStripes) {}

  // `salt` keeps the numbers of one owner (a file) apart from those of another.
  SpinLock& of(uint64_t number, uint64_t salt) {
    const uint64_t run = number >> kStripeBits;
    return stripes_[(number + ((run + salt * 0x2545f4914f6cdd1dU) * 0x9e3779b97f4a7c15U >> 40)) & (kStripes - 1)].lock;
  }

 private:
  static constexpr uint32_t kStripeBits = 12;
  static constexpr size_t kStripes = size_t{1} << kStripeBits;
  struct alignas(4) Stripe {
    SpinLock lock;
  };
  std::vector<Stripe> stripes_;
};

// Makes every other thread of this process that runs pass a full barrier, where the system can (sync.cc). False: it
// cannot, and never will.
bool can_fence_others();
void fence_others();

// A reader-writer lock whose readers do not meet: each lane has a slot of its own, and a writer looks at all of them.
//
// Either a reader sees the writer or the writer sees the reader: both first say that they come, then look. What keeps a
// reader's word before its look is the writer's business where the system allows it (fence_others): a reader then
// writes and reads memory nobody else writes to, and never waits for its stores, of which a fault has many. A writer
// pays microseconds. The engine's own writers are ops that are alone, and know it (lock_alone): what they and readers
// count says how often a scheme takes its lock, not how long it would wait. Not recursive.
class ShardedLock {
 public:
  explicit ShardedLock(uint32_t lanes) : slots_(lanes) {}

  void lock_shared(uint32_t lane, LockFigures& figures) {
    if (!enter(lane)) wait_until(figures, [&] { return !writer_.load(std::memory_order_relaxed) && enter(lane); });
    ++figures.acquisitions;
  }
  void unlock_shared(uint32_t lane) { slots_[lane].inside.store(false, std::memory_order_release); }

  void lock(LockFigures& figures) {
    bool taken = writer_.exchange(true, std::memory_order_seq_cst);
    if (light_ && !taken) fence_others();
    if (taken || !empty()) {
      wait_until(figures, [&] {
        if (taken) {
          taken = writer_.exchange(true, std::memory_order_seq_cst);
          if (light_ && !taken) fence_others();
        }
        return !taken && empty();
      });
    }
    ++figures.acquisitions;
  }
  // The same where no lane runs, and whoever started this thread's work knows it.
  void lock_alone(LockFigures& figures) {
    writer_.store(true, std::memory_order_relaxed);
    ++figures.acquisitions;
  }
  void unlock() { writer_.store(false, std::memory_order_release); }

 private:
  struct alignas(kNoSharingBytes) Slot {
    std::atomic<bool> inside{false};
  };

  bool enter(uint32_t lane) {
    std::atomic<bool>& inside = slots_[lane].inside;
    if (light_) {
      inside.store(true, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);
    } else {
      inside.exchange(true, std::memory_order_seq_cst);
    }
    if (!writer_.load(std::memory_order_seq_cst)) return true;
    inside.store(false, std::memory_order_release);
    return false;
  }
  bool empty() const {
    for (const Slot& slot : slots_) {
      if (slot.inside.load(std::memory_order_seq_cst)) return false;
    }
    return true;
  }

  std::vector<Slot> slots_;
  const bool light_ = can_fence_others();
  alignas(kNoSharingBytes) std::atomic<bool> writer_{false};
};

// Of an op that is alone.
class ExclusiveGuard {
 public:
  // `lock` may be nullptr. REQUIRES: no lane runs.
  ExclusiveGuard(ShardedLock* lock, LockFigures& figures) : lock_(lock) {
    if (lock_ != nullptr) lock_->lock_alone(figures);
  }
  ExclusiveGuard(const ExclusiveGuard&) = delete;
  ExclusiveGuard& operator=(const ExclusiveGuard&) = delete;
  ~ExclusiveGuard() {
    if (lock_ != nullptr) lock_->unlock();
  }

 private:
  ShardedLock* lock_;
};

// Words that lanes under different locks may write bits of.
inline uint64_t load_shared(const uint64_t& word) {
  return std::atomic_ref<uint64_t>(const_cast<uint64_t&>(word)).load(std::memory_order_relaxed);
}
inline uint64_t set_bits_shared(uint64_t& word, uint64_t bits) {
  return std::atomic_ref<uint64_t>(word).fetch_or(bits, std::memory_order_relaxed);
}
inline void clear_bits_shared(uint64_t& word, uint64_t bits) {
  std::atomic_ref<uint64_t>(word).fetch_and(~bits, std::memory_order_relaxed);
}
template <class Number>
void add_shared(Number& number, Number n) {
  std::atomic_ref<Number>(number).fetch_add(n, std::memory_order_relaxed);
}

}  // namespace gmem
