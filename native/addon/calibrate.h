// The calibration's part of the addon's exports.
#pragma once

#include <napi.h>

namespace gmem::addon {

void register_calibrate(Napi::Env env, Napi::Object exports);

}  // namespace gmem::addon
