// A run on threads of the engine's own, while JavaScript goes on.
//
// Always: the records it reads and the outcomes it writes are its own memory, so that nothing a script does to its
// buffers meanwhile can be felt here; outcomes are copied out when it is over. It lives until its end was told, and no
// longer than the environment: whoever closes the engine, ends the worker or exits ends the run first and waits for it.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/engine.h"

namespace gmem::addon {

class AsyncRun : public std::enable_shared_from_this<AsyncRun> {
 public:
  // `told(ops run, nanoseconds it took, error text or null)` is called once, on the JavaScript thread, unless the
  // environment ends before. Throws std::bad_alloc, std::system_error.
  static std::shared_ptr<AsyncRun> start(Napi::Env env, Engine& engine, const spec::OpRecord* ops, uint64_t count,
                                         Napi::Value outcomes, uint32_t threads, Napi::Function told);
  AsyncRun(const AsyncRun&) = delete;
  AsyncRun& operator=(const AsyncRun&) = delete;
  ~AsyncRun() { finish(); }

  // The engine is at work; false once its end was told.
  bool active() const { return active_; }
  uint64_t done() const { return control_.done.load(std::memory_order_relaxed); }
  void abort() { control_.abort.store(true, std::memory_order_relaxed); }
  // Ends the run and waits for it: the engine is the caller's again.
  void finish();
  // The same where the environment is about to be gone.
  void end_untold();

 private:
  AsyncRun(Engine& engine, const spec::OpRecord* ops, uint64_t count, bool outcomes, uint32_t threads);
  void work();
  void tell(Napi::Env env, Napi::Function told);

  Engine& engine_;
  const std::vector<spec::OpRecord> ops_;
  std::vector<spec::OutcomeRecord> outcomes_;
  const uint32_t threads_;
  RunControl control_;
  bool active_ = true;
  uint64_t ran_ = 0;
  uint64_t took_ns_ = 0;
  std::string error_;
  Napi::Reference<Napi::Uint8Array> into_;
  Napi::ThreadSafeFunction told_;
  std::thread thread_;
};

}  // namespace gmem::addon
