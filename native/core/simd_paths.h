// The tables of the paths, one a file. Which are built depends on the architecture; whether they may be called, on the
// CPU: ask simd.h.
#pragma once

#include "core/simd.h"

namespace gmem {

extern const SimdKernels kSimdPortable;
#if defined(__x86_64__)
extern const SimdKernels kSimdAvx2;
extern const SimdKernels kSimdAvx512;
#endif

}  // namespace gmem
