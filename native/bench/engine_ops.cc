#include "bench/engine_ops.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace gmem::bench {

using test::Host;
using test::kGiB;

spec::OpRecord* record_buffer() {
  static auto* buffer = new spec::OpRecord[kChunk]();
  return buffer;
}

void expect_no_errors(const Engine& engine, const char* phase) {
  double errors[Engine::kErrnos];
  engine.errors(errors);
  for (size_t i = 0; i < Engine::kErrnos; ++i) {
    if (errors[i] == 0) continue;
    std::fprintf(stderr, "%s: %.0f ops answered errno %zu\n", phase, errors[i], i);
    std::exit(2);
  }
}

std::unique_ptr<Host> host_with_file(const spec::Knobs& knobs, spec::Arch arch, double size, double memory) {
  EngineOptions options = test::options(knobs, arch, memory > 0 ? memory : size);
  options.contents = false;
  auto host = std::make_unique<Host>(options);
  constexpr double kSlot = 4096 * kGiB;
  host->create(0, size);
  for (uint32_t slot = 0; slot * kSlot < size; ++slot) {
    const double first = slot * kSlot;
    host->bind(slot, first, size - first < kSlot ? size - first : kSlot, 0, first);
  }
  return host;
}

uint64_t resident_bytes() {
  uint64_t kib = 0;
  std::FILE* file = std::fopen("/proc/self/smaps_rollup", "re");
  if (file == nullptr) return 0;
  char line[256];
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    if (std::strncmp(line, "Rss:", 4) == 0) kib = std::strtoull(line + 4, nullptr, 10);
  }
  std::fclose(file);
  return kib * 1024;
}

void punch_all(Timer& timer, test::Host& host, const char* phase, uint64_t pages, double size) {
  std::vector<spec::OpRecord> records;
  for (double at = 0; at < size; at += test::k2M) records.push_back(ranged(spec::OpKind::kPunch, at, test::k2M));
  timer.measure(phase, pages, [&] { host.engine.run(records.data(), records.size(), nullptr); });
  expect_no_errors(host.engine, phase);
}

}  // namespace gmem::bench
