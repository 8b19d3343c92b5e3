// Three ways to clear memory. Each call clears one chunk whole and leaves the stores globally visible.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gmem::calibrate {

enum class ClearBy : uint8_t {
  // Stores past the caches, of the widest registers this processor has; false of clear() where there are none.
  kNonTemporal,
  // The C library's memset.
  kMemset,
  // rep stosb, what Linux clears a page with on processors that have ERMS.
  kString,
};

// REQUIRES: `at` and `bytes` multiples of 64.
bool clear(ClearBy by, void* at, size_t bytes);

}  // namespace gmem::calibrate
