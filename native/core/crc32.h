// CRC-32 as zlib's and PNG's (reflected, polynomial 0x04c11db7), by carry-less multiplication where the CPU has it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gmem {

// The checksum of what `seed` is the checksum of (0: of nothing), with these bytes behind it.
uint32_t crc32(const uint8_t* bytes, size_t length, uint32_t seed);

// The same by tables alone, for CPUs that have nothing better and for the tests.
uint32_t crc32_portable(const uint8_t* bytes, size_t length, uint32_t seed);

}  // namespace gmem
