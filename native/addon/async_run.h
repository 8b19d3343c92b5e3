// A run on threads of the engine's own, told to JavaScript when it is over: core/background_run.h behind Node-API.
//
// Who holds a run: its session, as the engine's latest; and, from start to its end, the environment. That hold is
// dropped on the JavaScript thread exactly once, by whichever comes first: the end is told, or the environment goes and
// its cleanup hook ends the run and waits for it. What waits in Node's queue to be told holds nothing, because Node
// drops that queue with the environment. A run that was told has no buffers any more.
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

#include "core/background_run.h"
#include "core/latency.h"

namespace gmem::addon {

class AsyncRun {
 public:
  // `told(ops run, nanoseconds it took, error text or null)` is called once, on the JavaScript thread, unless the
  // environment ends before. Throws std::bad_alloc, std::system_error, Napi::Error.
  static std::shared_ptr<AsyncRun> start(Napi::Env env, Engine& engine, const spec::OpRecord* ops, uint64_t count,
                                         Napi::Value outcomes, uint32_t threads, Napi::Function told);
  AsyncRun(const AsyncRun&) = delete;
  AsyncRun& operator=(const AsyncRun&) = delete;

  // The run is of one op of this kind: what it took is told to the sampler, with the end.
  void time_it(std::shared_ptr<LatencySampler> sampler, spec::OpKind kind) {
    sampler_ = std::move(sampler);
    kind_ = kind;
  }

  // The engine is at work; false once its end was told.
  bool active() const { return run_.active(); }
  uint64_t done() const { return run_.done(); }
  void abort() { run_.abort(); }
  // Ends the run and waits for it: the engine is the caller's again.
  void finish() { run_.finish(); }

 private:
  AsyncRun(Napi::Env env, Engine& engine, const spec::OpRecord* ops, uint64_t count, bool outcomes, uint32_t threads)
      : env_(env), run_(engine, ops, count, outcomes, threads) {}

  static void end_with_environment(void* run);
  static void on_javascript_thread(napi_env env, napi_value told, void* run, void* nothing);
  std::shared_ptr<AsyncRun> let_go(napi_threadsafe_function_release_mode mode);
  void copy_outcomes() const;
  void tell(napi_value told);

  const napi_env env_;
  BackgroundRun run_;
  napi_ref into_ = nullptr;  // the caller's array for outcomes
  napi_threadsafe_function told_ = nullptr;
  std::shared_ptr<AsyncRun> held_;  // by the environment
  std::shared_ptr<LatencySampler> sampler_;
  spec::OpKind kind_{};
};

}  // namespace gmem::addon
