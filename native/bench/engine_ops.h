// What benchmarks of whole ops share: an engine with one file, records made outside the timed part, what is resident.
#pragma once

#include <cstdint>
#include <memory>

#include "bench/bench.h"
#include "core/engine.h"
#include "test/host.h"

namespace gmem::bench {

// Records of one batch. The buffer is the program's own and there from the start, so that it is in no figure of memory.
inline constexpr uint64_t kChunk = uint64_t{1} << 18;
spec::OpRecord* record_buffer();

// Ends the program when an op was refused: a figure of refusals would be none.
void expect_no_errors(const Engine& engine, const char* phase);

// A file of `size` bytes at gpa 0, contents elided; private from the start on snp. `memory` 0: as much as the file.
std::unique_ptr<test::Host> host_with_file(const spec::Knobs& knobs, spec::Arch arch, double size, double memory = 0);

// Bytes of this process that are in memory now, by the kernel's own count (Rss of /proc/self/smaps_rollup).
uint64_t resident_bytes();

// Times `total` ops that `make(i)` describes; every one of them must succeed.
template <class Make>
void run_ops(Timer& timer, test::Host& host, const char* phase, uint64_t total, Make make) {
  spec::OpRecord* records = record_buffer();
  for (uint64_t done = 0; done < total;) {
    const uint64_t n = total - done < kChunk ? total - done : kChunk;
    for (uint64_t i = 0; i < n; ++i) records[i] = make(done + i);
    timer.measure(phase, n, [&] { host.engine.run(records, n, nullptr); });
    done += n;
  }
  expect_no_errors(host.engine, phase);
}

// Times a punch of every 2M of the `size` bytes of the file, by the `pages` that are there.
void punch_all(Timer& timer, test::Host& host, const char* phase, uint64_t pages, double size);

inline spec::OpRecord fault_at(double gpa, bool to_private = true) {
  spec::OpRecord op = test::Host::record(spec::OpKind::kFault);
  op.address = gpa;
  op.flags = to_private ? spec::kFlagPrivate : 0;
  return op;
}

inline spec::OpRecord ranged(spec::OpKind kind, double address, double size, uint8_t flags = 0, uint32_t arg = 0) {
  spec::OpRecord op = test::Host::record(kind);
  op.address = address;
  op.size = size;
  op.flags = flags;
  op.arg = arg;
  return op;
}

}  // namespace gmem::bench
