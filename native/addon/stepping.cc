#include "addon/stepping.h"

#include <exception>
#include <memory>

namespace gmem::addon {

namespace {

// What a function is bound to: the session, or nullptr once that is closed. The function may outlive it.
using Bound = std::shared_ptr<Session*>;

napi_value refuse_raw(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

// Raw Node-API, because this call is measured in nanoseconds.
napi_value step(napi_env env, napi_callback_info info) {
  void* data;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  Session* session = **static_cast<const Bound*>(data);
  if (session == nullptr) return refuse_raw(env, "the engine is closed");
  if (session->busy()) return refuse_raw(env, kBusy);
  try {
    session->engine.run(&session->mailbox->step, 1, &session->mailbox->step_outcome);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

void let_go(napi_env, void* data, void*) { delete static_cast<Bound*>(data); }

}  // namespace

Napi::Value step_function(Napi::Env env, Session& session) {
  auto bound = std::make_unique<Bound>(session.self);
  napi_value function;
  if (napi_create_function(env, "step", NAPI_AUTO_LENGTH, step, bound.get(), &function) != napi_ok ||
      napi_add_finalizer(env, function, bound.get(), let_go, nullptr, nullptr) != napi_ok) {
    throw Napi::Error::New(env);
  }
  static_cast<void>(bound.release());  // let_go has it
  return {env, function};
}

}  // namespace gmem::addon
