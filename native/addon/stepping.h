// Single ops at the price of a call: a function without arguments, bound to its engine, runs the record that JavaScript
// keeps in the mailbox for it.
#pragma once

#include <napi.h>

#include "addon/sessions.h"

namespace gmem::addon {

// The function throws a TypeError where the engine is busy or closed; nothing has happened then.
Napi::Value step_function(Napi::Env env, Session& session);

}  // namespace gmem::addon
