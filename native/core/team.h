// A fixed number of threads that do one piece of work together, again and again.
//
// The caller is member 0 and works too. Between pieces the others look for the next one for a moment, then sleep.
// Always: outside of run() no member works.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "core/sync.h"

namespace gmem {

class Team {
 public:
  // Throws std::system_error when the machine gives no more threads.
  explicit Team(uint32_t size);
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team();

  uint32_t size() const { return static_cast<uint32_t>(threads_.size()) + 1; }

  // Calls work(member) for every member at the same time; returns when all calls have. One caller at a time. Throws
  // what a call threw, one of them, once all have ended.
  template <class Work>
  void run(Work& work) {
    begin([](void* context, uint32_t member) { (*static_cast<Work*>(context))(member); }, &work);
    attempt(0);
    finish();
  }

 private:
  using Call = void (*)(void* context, uint32_t member);

  void begin(Call call, void* context);
  void finish();
  void serve(uint32_t member);
  // The call of one member. What it throws is kept for the caller.
  void attempt(uint32_t member);
  void dismiss();
  // Members keep off the processor of the caller, where there are enough others among those that whoever made the team
  // might use: a system wakes a thread where the one that wakes it runs, and takes milliseconds to see that another
  // processor is idle.
  void keep_apart();

  const int looks_;  // at a value that is awaited, before sleeping
  std::vector<std::thread> threads_;
  cpu_set_t allowed_;
  int apart_from_ = -1;  // the processor of the caller when it was last looked at
  Call call_ = nullptr;  // nullptr in a new piece: go home
  void* context_ = nullptr;
  std::atomic<bool> failed_{false};  // whoever sets it writes failure_
  std::exception_ptr failure_;
  alignas(kNoSharingBytes) std::atomic<uint32_t> piece_{0};
  alignas(kNoSharingBytes) std::atomic<uint32_t> at_work_{0};
};

}  // namespace gmem
