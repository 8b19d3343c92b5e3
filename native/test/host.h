// An engine with short names for its ops: what the engine's tests drive. Sizes in bytes, as records have them.
#pragma once

#include <string>
#include <vector>

#include "core/engine.h"
#include "spec.gen.h"

namespace gmem::test {

inline constexpr double kPage = 4096;
inline constexpr double kMiB = 1024.0 * 1024.0;
inline constexpr double k2M = 2 * kMiB;
inline constexpr double kGiB = 1024 * kMiB;

// What the presets of lib/policy have in common (lib/policy/presets.ts); 2M folios with fallback and a bitmap.
inline spec::Knobs knobs_2m() {
  spec::Knobs knobs;
  knobs.hugepages = spec::Hugepages::k2M;
  knobs.fallback = true;
  knobs.shared_order = spec::SharedOrder::kThp;
  knobs.preparedness = spec::Preparedness::kBitmap;
  knobs.poison = spec::Poison::kPage;
  knobs.lock = spec::Lock::kInvalidateExclusive;
  knobs.prepare_errno = spec::PrepareErrno::kEFAULT;
  return knobs;
}
// 4K folios only, as a running 6.18 has them.
inline spec::Knobs knobs_4k() {
  spec::Knobs knobs = knobs_2m();
  knobs.hugepages = spec::Hugepages::kOff;
  knobs.preparedness = spec::Preparedness::kUptodate;
  knobs.poison = spec::Poison::kFolio;
  knobs.lock = spec::Lock::kFolio;
  return knobs;
}

// Kinds of the file's own, converted where they are.
inline spec::Knobs in_place(spec::Knobs knobs) {
  knobs.conversion = spec::Conversion::kInPlace;
  knobs.shared_order = spec::SharedOrder::k4K;
  knobs.preparedness = spec::Preparedness::kState;
  return knobs;
}

// What a test goes through one after another.
struct Design {
  const char* name;
  spec::Knobs knobs;
  spec::Arch arch;
};

inline EngineOptions options(const spec::Knobs& knobs, spec::Arch arch, double memory_bytes = 64 * kMiB) {
  EngineOptions made;
  made.knobs = knobs;
  made.arch = arch;
  made.memory_bytes = static_cast<uint64_t>(memory_bytes);
  made.contents = true;
  made.resident_limit_bytes = static_cast<uint64_t>(memory_bytes);
  return made;
}

class Host {
 public:
  explicit Host(const EngineOptions& engine_options) : engine(engine_options) {}

  static spec::OpRecord record(spec::OpKind kind) {
    spec::OpRecord op{};
    op.kind = static_cast<uint8_t>(kind);
    return op;
  }

  spec::OutcomeRecord run(const spec::OpRecord& op) {
    spec::OutcomeRecord outcome;
    engine.run(&op, 1, &outcome);
    return outcome;
  }

  spec::OutcomeRecord create(uint32_t gmem, double size, uint32_t flags = 0) {
    spec::OpRecord op = record(spec::OpKind::kCreate);
    op.gmem = gmem;
    op.size = size;
    op.extra = flags;
    return run(op);
  }
  spec::OutcomeRecord bind(uint32_t slot, double gpa, double size, uint32_t gmem, double offset = 0) {
    spec::OpRecord op = record(spec::OpKind::kBind);
    op.arg = slot;
    op.address = gpa;
    op.size = size;
    op.gmem = gmem;
    op.extra = offset;
    return run(op);
  }
  spec::OutcomeRecord fault(double gpa, bool to_private, bool map = true) {
    spec::OpRecord op = record(spec::OpKind::kFault);
    op.address = gpa;
    op.flags = static_cast<uint8_t>((to_private ? spec::kFlagPrivate : 0) | (map ? 0 : spec::kFlagNoMap));
    return run(op);
  }
  spec::OutcomeRecord convert(double gpa, double size, bool to_private) {
    spec::OpRecord op = record(spec::OpKind::kConvert);
    op.address = gpa;
    op.size = size;
    op.flags = to_private ? spec::kFlagPrivate : 0;
    return run(op);
  }
  // Ops on a range of a VM: populate (arg: fill), validate, attributes, guest-write and guest-read (arg: byte), touch.
  spec::OutcomeRecord on_vm(spec::OpKind kind, double gpa, double size, uint32_t arg = 0, uint8_t flags = 0) {
    spec::OpRecord op = record(kind);
    op.address = gpa;
    op.size = size;
    op.arg = arg;
    op.flags = flags;
    return run(op);
  }
  // Ops on a range of a file: fallocate, punch, split, merge (order), pin, unpin.
  spec::OutcomeRecord on_file(spec::OpKind kind, uint32_t gmem, double offset, double size, uint32_t order = 0) {
    spec::OpRecord op = record(kind);
    op.gmem = gmem;
    op.address = offset;
    op.size = size;
    op.arg = order;
    return run(op);
  }
  spec::OutcomeRecord close(uint32_t gmem) {
    spec::OpRecord op = record(spec::OpKind::kClose);
    op.gmem = gmem;
    return run(op);
  }

  double counter(spec::Counter which) const {
    double values[spec::kCounters];
    engine.counters(values);
    return values[static_cast<size_t>(which)];
  }

  Engine engine;
};

}  // namespace gmem::test
