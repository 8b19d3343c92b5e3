#include "addon/async_run.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>

namespace gmem::addon {

namespace {
// The environment ends: nobody will be told, and the engine goes next.
void end_with_environment(void* run) { static_cast<AsyncRun*>(run)->end_untold(); }
}  // namespace

AsyncRun::AsyncRun(Engine& engine, const spec::OpRecord* ops, uint64_t count, bool outcomes, uint32_t threads)
    : engine_(engine), ops_(ops, ops + count), outcomes_(outcomes ? count : 0), threads_(threads) {}

std::shared_ptr<AsyncRun> AsyncRun::start(Napi::Env env, Engine& engine, const spec::OpRecord* ops, uint64_t count,
                                          Napi::Value outcomes, uint32_t threads, Napi::Function told) {
  const bool kept = outcomes.IsTypedArray();
  std::shared_ptr<AsyncRun> run(new AsyncRun(engine, ops, count, kept, threads));
  if (kept) run->into_ = Napi::Persistent(outcomes.As<Napi::Uint8Array>());
  run->told_ = Napi::ThreadSafeFunction::New(env, told, "gmem run", 0, 1);
  try {
    run->thread_ = std::thread([run = run.get()] { run->work(); });
  } catch (...) {
    run->told_.Release();
    throw;
  }
  napi_add_env_cleanup_hook(env, end_with_environment, run.get());
  return run;
}

// On the run's thread. What is captured keeps the run until it was told of.
void AsyncRun::work() {
  const auto begin = std::chrono::steady_clock::now();
  try {
    ran_ = engine_.run_on_vcpus(ops_.data(), ops_.size(), outcomes_.empty() ? nullptr : outcomes_.data(), threads_,
                                control_);
  } catch (const std::exception& failure) {
    error_ = failure.what();
  }
  took_ns_ = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin).count());
  auto* keep = new std::shared_ptr<AsyncRun>(shared_from_this());
  const napi_status status =
      told_.BlockingCall(keep, [](Napi::Env env, Napi::Function told, std::shared_ptr<AsyncRun>* kept) {
        const std::shared_ptr<AsyncRun> run = std::move(*kept);
        delete kept;
        run->tell(env, told);
      });
  if (status == napi_ok) {
    told_.Release();
  } else {
    delete keep;
  }
}

// On the JavaScript thread.
void AsyncRun::tell(Napi::Env env, Napi::Function told) {
  napi_remove_env_cleanup_hook(env, end_with_environment, this);
  finish();
  if (!into_.IsEmpty()) {
    // The array may have been taken away or cut short.
    Napi::Uint8Array into = into_.Value();
    const size_t bytes = std::min(into.ByteLength(), outcomes_.size() * sizeof(spec::OutcomeRecord));
    if (bytes > 0) std::memcpy(into.Data(), outcomes_.data(), bytes);
    into_.Reset();
  }
  try {
    told.Call({Napi::Number::New(env, static_cast<double>(ran_)), Napi::Number::New(env, static_cast<double>(took_ns_)),
               error_.empty() ? env.Null() : Napi::String::New(env, error_).As<Napi::Value>()});
  } catch (const Napi::Error& thrown) {
    thrown.ThrowAsJavaScriptException();
  }
}

void AsyncRun::end_untold() {
  finish();
  into_.SuppressDestruct();
}

void AsyncRun::finish() {
  abort();
  if (thread_.joinable()) thread_.join();
  active_ = false;
}

}  // namespace gmem::addon
