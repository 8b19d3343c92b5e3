#include "addon/async_run.h"

#include <algorithm>
#include <cstring>

namespace gmem::addon {

namespace {
void require(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}
}  // namespace

std::shared_ptr<AsyncRun> AsyncRun::start(Napi::Env env, Engine& engine, const spec::OpRecord* ops, uint64_t count,
                                          Napi::Value outcomes, uint32_t threads, Napi::Function told) {
  const bool kept = outcomes.IsTypedArray();
  std::shared_ptr<AsyncRun> run(new AsyncRun(env, engine, ops, count, kept, threads));
  const Napi::String name = Napi::String::New(env, "gmem run");
  require(env, napi_create_threadsafe_function(env, told, nullptr, name, 0, 1, nullptr, nullptr, run.get(),
                                               on_javascript_thread, &run->told_));
  run->held_ = run;
  napi_add_env_cleanup_hook(env, end_with_environment, run.get());
  try {
    if (kept) require(env, napi_create_reference(env, outcomes, 1, &run->into_));
    run->run_.start([queue = run->told_] { napi_call_threadsafe_function(queue, nullptr, napi_tsfn_blocking); });
  } catch (...) {
    napi_remove_env_cleanup_hook(env, end_with_environment, run.get());
    run->let_go(napi_tsfn_abort);
    throw;
  }
  return run;
}

// The environment holds the run no more. The queue is let go here and not by the run's thread, so that the thread can
// never meet one that is gone. Returns the hold, for the caller to be safe as long as it needs.
std::shared_ptr<AsyncRun> AsyncRun::let_go(napi_threadsafe_function_release_mode mode) {
  run_.finish();
  if (into_ != nullptr) napi_delete_reference(env_, into_);
  into_ = nullptr;
  napi_release_threadsafe_function(told_, mode);
  return std::move(held_);
}

// Nobody will be told, and the engine goes next.
void AsyncRun::end_with_environment(void* run) { static_cast<AsyncRun*>(run)->let_go(napi_tsfn_abort); }

// Without an environment Node is emptying the queue, and the run may be gone.
void AsyncRun::on_javascript_thread(napi_env env, napi_value told, void* run, void* /*nothing*/) {
  if (env == nullptr) return;
  static_cast<AsyncRun*>(run)->tell(told);
}

void AsyncRun::tell(napi_value told) {
  napi_remove_env_cleanup_hook(env_, end_with_environment, this);
  run_.finish();
  if (into_ != nullptr) copy_outcomes();
  if (sampler_ && run_.ran() == 1) sampler_->ran_elsewhere(kind_, run_.took_ns());
  run_.drop_buffers();
  const std::shared_ptr<AsyncRun> hold = let_go(napi_tsfn_release);
  napi_value arguments[3];
  napi_value receiver;
  const std::string& error = run_.error();
  const bool made =
      napi_get_undefined(env_, &receiver) == napi_ok &&
      napi_create_double(env_, static_cast<double>(run_.ran()), &arguments[0]) == napi_ok &&
      napi_create_double(env_, static_cast<double>(run_.took_ns()), &arguments[1]) == napi_ok &&
      (error.empty() ? napi_get_null(env_, &arguments[2])
                     : napi_create_string_utf8(env_, error.data(), error.size(), &arguments[2])) == napi_ok;
  // What the function throws stays pending for Node to report; where the environment is ending, nothing is called.
  if (made) napi_call_function(env_, receiver, told, 3, arguments, nullptr);
}

// The array may have been taken away or cut short meanwhile.
void AsyncRun::copy_outcomes() const {
  napi_value into;
  void* data = nullptr;
  size_t length = 0;
  if (napi_get_reference_value(env_, into_, &into) != napi_ok || into == nullptr ||
      napi_get_typedarray_info(env_, into, nullptr, &length, &data, nullptr, nullptr) != napi_ok) {
    return;
  }
  const size_t bytes = std::min(length, run_.outcomes().size() * sizeof(spec::OutcomeRecord));
  if (bytes > 0 && data != nullptr) std::memcpy(data, run_.outcomes().data(), bytes);
}

}  // namespace gmem::addon
