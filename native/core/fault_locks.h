// Which locks the path of a vCPU takes, and when. All of it does nothing on a lane that runs alone.
//
// Order, outermost first; nothing takes an outer lock under an inner one:
//   block   an aligned range of indexes, at least what may be one folio: its words, lines, folios, marks, leaves and
//           contents. Stands for the folio lock and the lock of the page table together.
//   scheme  what the design's lock scheme (knob lock) takes shared around a fault: nothing but the folio lock (folio,
//           mainline), the file's invalidate lock or a lock of its own (invalidate-*, dedicated), the same around the
//           search for the folio only (pfn-only), the VM's mmu lock (mmu-read).
//   rmp     the RMP entries of one 2M block of frames, where 4K pages of several index blocks may lie in it.
//   frames, lines   the allocators of frames and of detail lines, for a refill.
//
// An op of another kind runs while no lane does; it takes the scheme's lock exclusively (engine_vcpus.cc), and no
// other.
#pragma once

#include "core/lane.h"
#include "core/objects.h"
#include "core/sync.h"

namespace gmem {

// The lock of the block an op is at. A lane keeps it when the op is over, since its next one is mostly near: it lets go
// when it moves on, between two ops when another lane waits (Lane::let_others_in), and at the end of its share. A lane
// holds one, and waits for another only with none in hand.
class BlockLock {
 public:
  explicit BlockLock(Lane& lane) : lane_(lane) {}

  // `unit`: number of the range of indexes in the file (Engine::lock_range).
  void hold(const File& file, uint64_t unit) {
    if (lane_.locks == nullptr) [[likely]]
      return;
    if (!lane_.holds(file, unit)) [[unlikely]]
      move_on(lane_, file, unit);
  }

 private:
  // A call of its own: what holds its block already pays for nothing else.
  [[gnu::noinline]] static void move_on(Lane& lane, const File& file, uint64_t unit) {
    SpinLock& next = lane.locks->blocks.of(unit, file.serial);
    if (&next != lane.held_block) {
      lane.release_block();
      next.lock(lane.figures(LockKind::kBlock));
      lane.held_block = &next;
    }
    lane.held_file = &file;
    lane.held_unit = unit;
  }

  Lane& lane_;
};

// At the end of a lane's share, however it ends.
struct ReleasedBlock {
  Lane& lane;
  ~ReleasedBlock() { lane.release_block(); }
};

class SchemeLock {
 public:
  // `lock` is nullptr where the scheme takes none, or nobody runs beside this lane.
  SchemeLock(Lane& lane, ShardedLock* lock) : lane_(lane), lock_(lane.locks != nullptr ? lock : nullptr) {
    if (lock_ != nullptr) [[unlikely]]
      lock_->lock_shared(lane_.number, lane_.figures(LockKind::kScheme));
  }
  SchemeLock(const SchemeLock&) = delete;
  SchemeLock& operator=(const SchemeLock&) = delete;
  ~SchemeLock() { release(); }

  void release() {
    if (lock_ != nullptr) [[unlikely]]
      lock_->unlock_shared(lane_.number);
    lock_ = nullptr;
  }

 private:
  Lane& lane_;
  ShardedLock* lock_;
};

class RmpLock {
 public:
  // `alone`: no other lane can be there, as where the block of frames is all of one folio, which the lane has locked.
  RmpLock(Lane& lane, Pfn pfn, bool alone = false)
      : lock_(lane.locks != nullptr && !alone ? &lane.locks->rmp.of(pfn.block(), 0) : nullptr) {
    if (lock_ != nullptr) [[unlikely]]
      lock_->lock(lane.figures(LockKind::kRmp));
  }
  RmpLock(const RmpLock&) = delete;
  RmpLock& operator=(const RmpLock&) = delete;
  ~RmpLock() {
    if (lock_ != nullptr) [[unlikely]]
      lock_->unlock();
  }

 private:
  SpinLock* lock_;
};

}  // namespace gmem
