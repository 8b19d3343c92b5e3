// The addon's exports for op records on their way in: checksums and checks in bulk, without an engine.
#pragma once

#include <napi.h>

namespace gmem::addon {

void register_records(Napi::Env env, Napi::Object exports);

}  // namespace gmem::addon
