#include "core/simd.h"

#include "core/simd_paths.h"

namespace gmem {

const SimdKernels* simd_kernels(Simd path) {
#if defined(__x86_64__)
  // These ask cpuid, and the operating system (XGETBV) whether it keeps the registers.
  __builtin_cpu_init();
  if (path == Simd::kAvx2) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") ? &kSimdAvx2 : nullptr;
  }
  if (path == Simd::kAvx512) {
    const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("popcnt");
    return has ? &kSimdAvx512 : nullptr;
  }
#endif
  return path == Simd::kPortable ? &kSimdPortable : nullptr;
}

const SimdKernels& best_simd() {
  const SimdKernels* best = simd_kernels(Simd::kAvx512);
  if (best == nullptr) best = simd_kernels(Simd::kAvx2);
  return best != nullptr ? *best : kSimdPortable;
}

}  // namespace gmem
