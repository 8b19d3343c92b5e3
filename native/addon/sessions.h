// The engines of one Node environment, reached from JavaScript by small integers, so that no argument a script can make
// up is ever taken for a pointer.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "addon/async_run.h"
#include "core/engine.h"
#include "core/latency.h"

namespace gmem::addon {

inline constexpr char kBusy[] = "the engine is busy: a run of its own threads is under way";

// One engine and the mailbox for single ops: an op record and its outcome, and the same for steps alone.
struct Session {
  struct Mailbox {
    spec::OpRecord op;
    spec::OutcomeRecord outcome;
    spec::OpRecord step;
    spec::OutcomeRecord step_outcome;
  };

  explicit Session(const EngineOptions& options)
      : engine(options), mailbox(std::make_shared<Mailbox>()), self(std::make_shared<Session*>(this)) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    *self = nullptr;
    if (run) run->finish();
  }

  // Threads are at work on the engine: nobody else may touch it.
  bool busy() const { return run && run->active(); }

  Engine engine;
  std::shared_ptr<AsyncRun> run;            // the latest
  std::shared_ptr<Mailbox> mailbox;         // outlives the engine while JavaScript holds the buffer
  std::shared_ptr<Session*> self;           // for functions bound to this engine: nullptr once it is gone
  std::shared_ptr<LatencySampler> latency;  // only where ops of batches are to be timed
};

class Sessions {
 public:
  uint32_t open(const EngineOptions& options) {
    auto session = std::make_unique<Session>(options);
    for (uint32_t i = 0; i < sessions_.size(); ++i) {
      if (sessions_[i]) continue;
      sessions_[i] = std::move(session);
      return i;
    }
    sessions_.push_back(std::move(session));
    return static_cast<uint32_t>(sessions_.size() - 1);
  }
  // nullptr when there is no such engine, or no more.
  Session* find(uint32_t handle) const { return handle < sessions_.size() ? sessions_[handle].get() : nullptr; }
  void close(uint32_t handle) {
    if (handle < sessions_.size()) sessions_[handle].reset();
  }

 private:
  std::vector<std::unique_ptr<Session>> sessions_;
};

}  // namespace gmem::addon
