#include "core/crc32.h"

#include <vector>

#include "test/test.h"

namespace gmem {
namespace {

using test::Random;

// Bit by bit, from the definition.
uint32_t naive(const std::vector<uint8_t>& bytes, size_t from, size_t length, uint32_t seed) {
  uint32_t state = ~seed;
  for (size_t i = from; i < from + length; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool carry = ((state ^ (bytes[i] >> bit)) & 1) != 0;
      state = (state >> 1) ^ (carry ? 0xedb88320 : 0);
    }
  }
  return ~state;
}

TEST(crc32_of_known_text) {
  const std::vector<uint8_t> digits = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  CHECK_EQ(crc32(digits.data(), digits.size(), 0), 0xcbf43926U);
  CHECK_EQ(crc32_portable(digits.data(), digits.size(), 0), 0xcbf43926U);
  CHECK_EQ(crc32(nullptr, 0, 0), 0U);
  CHECK_EQ(crc32(nullptr, 0, 0x12345678), 0x12345678U);
}

TEST(crc32_equals_the_definition_at_every_length_and_alignment) {
  Random random(0xc2c);
  std::vector<uint8_t> bytes(700);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  for (size_t length = 0; length <= 330 && !test::failed(); ++length) {
    const size_t from = random.below(64);
    const auto seed = static_cast<uint32_t>(random.next());
    const uint32_t expected = naive(bytes, from, length, seed);
    CHECK_EQ(crc32(bytes.data() + from, length, seed), expected);
    CHECK_EQ(crc32_portable(bytes.data() + from, length, seed), expected);
  }
}

TEST(crc32_goes_on_from_a_checksum) {
  Random random(0xc3c);
  std::vector<uint8_t> bytes(100'000);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  const uint32_t whole = crc32_portable(bytes.data(), bytes.size(), 0);
  for (int round = 0; round < 50; ++round) {
    const size_t cut = random.below(bytes.size());
    const uint32_t begin = crc32(bytes.data(), cut, 0);
    CHECK_EQ(crc32(bytes.data() + cut, bytes.size() - cut, begin), whole);
  }
}

}  // namespace
}  // namespace gmem
