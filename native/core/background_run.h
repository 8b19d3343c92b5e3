// A run of an engine on a thread of its own, and its hand-over between that thread and the owner: whoever asked for it.
//
// Stored: the records and room for the outcomes, memory of the run's own, so that nothing the owner does to its buffers
// meanwhile can be felt here; what the run came to. Always: until finish() all of that is the thread's, afterwards the
// owner's. Both look at the control, which is atomic, and at nothing else. The thread keeps nothing alive: whoever
// destroys the run has ended it and waited.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/engine.h"

namespace gmem {

class BackgroundRun {
 public:
  // Throws std::bad_alloc.
  BackgroundRun(Engine& engine, const spec::OpRecord* ops, uint64_t count, bool outcomes, uint32_t threads);
  BackgroundRun(const BackgroundRun&) = delete;
  BackgroundRun& operator=(const BackgroundRun&) = delete;
  ~BackgroundRun() { finish(); }

  // Once. The thread calls `over` when it is done with the engine, as the last thing it does. Throws std::system_error;
  // then there is no run.
  void start(std::function<void()> over);

  // Started and not finished: the engine is not the owner's.
  bool active() const { return active_; }
  uint64_t done() const { return control_.done.load(std::memory_order_relaxed); }
  void abort() { control_.abort.store(true, std::memory_order_relaxed); }
  // Ends the run and waits for it: the engine is the owner's again.
  void finish();

  // What it came to. REQUIRES: finished, and started.
  uint64_t ran() const { return ran_; }
  uint64_t took_ns() const { return took_ns_; }
  const std::string& error() const { return error_; }  // empty: none
  const std::vector<spec::OutcomeRecord>& outcomes() const { return buffers_->outcomes; }
  // Gives their memory back early. REQUIRES: finished.
  void drop_buffers() { buffers_.reset(); }

  // Runs of this process that have buffers.
  static uint64_t with_buffers();

 private:
  struct Buffers {
    Buffers(const spec::OpRecord* first, uint64_t count, bool with_outcomes);
    Buffers(const Buffers&) = delete;
    Buffers& operator=(const Buffers&) = delete;
    ~Buffers();
    const std::vector<spec::OpRecord> ops;
    std::vector<spec::OutcomeRecord> outcomes;
  };

  void work();

  Engine& engine_;
  std::unique_ptr<Buffers> buffers_;
  const uint32_t threads_;
  RunControl control_;
  bool active_ = false;
  uint64_t ran_ = 0;
  uint64_t took_ns_ = 0;
  std::string error_;
  std::function<void()> over_;
  std::thread thread_;
};

}  // namespace gmem
