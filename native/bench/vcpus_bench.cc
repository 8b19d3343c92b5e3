// vCPU threads on disjoint halves of one guest: one thread, two threads, and, for what this machine allows, two engines
// that share nothing on two threads of the same size. Nanoseconds are of the clock on the wall, by all ops of all
// threads: two threads that cost each other nothing show half of one.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "bench/bench.h"
#include "bench/engine_ops.h"
#include "core/engine.h"
#include "test/host.h"

namespace gmem {
namespace {

using bench::Timer;
using spec::OpKind;
using test::Host;
using test::k2M;
using test::kGiB;
using test::kPage;

constexpr uint64_t kChunk = uint64_t{1} << 19;

struct Guest {
  spec::Knobs knobs;
  spec::Arch arch;
  double bytes;
  double step;  // of one op
  uint64_t ops() const { return static_cast<uint64_t>(bytes / step); }
};

// The threads are there before the clock starts; what faults write first is not.
std::unique_ptr<Host> boot(const Guest& guest, double bytes, uint32_t threads) {
  EngineOptions options = test::options(guest.knobs, guest.arch, 4 * bytes);
  options.contents = false;
  auto host = std::make_unique<Host>(options);
  RunControl control;
  host->engine.run_on_vcpus(nullptr, 0, nullptr, threads, control);
  host->create(0, bytes);
  host->bind(0, 0, bytes, 0);
  if (guest.arch == spec::Arch::kNone) {
    spec::OpRecord op = Host::record(OpKind::kAttributes);
    op.size = bytes;
    op.flags = spec::kFlagPrivate;
    host->run(op);
  }
  return host;
}

// Op i of a stream in which two vCPUs walk through a half each.
spec::OpRecord op_at(const Guest& guest, double bytes, uint64_t i) {
  spec::OpRecord op = Host::record(OpKind::kFault);
  op.flags = spec::kFlagPrivate;
  op.vcpu = i & 1;
  op.address = static_cast<double>(i / 2) * guest.step + (op.vcpu == 1 ? bytes / 2 : 0);
  return op;
}

void all_ran(uint64_t ran, uint64_t wanted) {
  if (ran == wanted) return;
  std::fprintf(stderr, "%llu ops ran of %llu\n", static_cast<unsigned long long>(ran),
               static_cast<unsigned long long>(wanted));
  std::exit(2);
}

// A virtual machine is given a second processor some time after it asked for one: here a tenth of a second, in which
// two threads take as long as one.
void wake_processors() {
  Team team(2);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(150);
  auto work = [&](uint32_t) {
    while (std::chrono::steady_clock::now() < end) relax();
  };
  team.run(work);
}

// `again`: faults of what a punch has freed, which write only what was resident before.
void on_threads(Timer& timer, const Guest& guest, uint32_t threads, const char* fault, const char* refault,
                const char* again) {
  const auto host = boot(guest, guest.bytes, threads);
  RunControl control;
  std::vector<spec::OpRecord> records(std::min(guest.ops(), kChunk));
  for (const char* phase : {fault, refault, again}) {
    if (phase == again) host->run(bench::ranged(OpKind::kPunch, 0, guest.bytes));
    for (uint64_t done = 0; done < guest.ops(); done += records.size()) {
      for (uint64_t i = 0; i < records.size(); ++i) records[i] = op_at(guest, guest.bytes, done + i);
      if (threads > 1 && done == 0) wake_processors();
      timer.measure(phase, records.size(), [&] {
        all_ran(host->engine.run_on_vcpus(records.data(), records.size(), nullptr, threads, control), records.size());
      });
    }
  }
  const VcpuFigures figures = host->engine.vcpu_figures();
  if (threads > 1 && figures.ops_beside < figures.ops_alone) {
    std::fprintf(stderr, "most ops ran alone\n");
    std::exit(2);
  }
}

// Each engine has half of the guest, and a thread of its own, which is there before the clock starts.
void apart(Timer& timer, const Guest& guest, const char* fault, const char* refault) {
  const double half = guest.bytes / 2;
  std::unique_ptr<Host> hosts[] = {boot(guest, half, 1), boot(guest, half, 1)};
  std::vector<spec::OpRecord> records[2];
  const uint64_t each = std::min(guest.ops() / 2, kChunk / 2);
  for (auto& of : records) of.resize(each);
  Team team(2);
  RunControl control[2];
  for (const char* phase : {fault, refault}) {
    for (uint64_t done = 0; done < guest.ops() / 2; done += each) {
      for (auto& of : records) {
        for (uint64_t i = 0; i < each; ++i) of[i] = op_at(guest, 0, 2 * (done + i));
      }
      if (done == 0) wake_processors();
      auto work = [&](uint32_t member) {
        hosts[member]->engine.run_on_vcpus(records[member].data(), each, nullptr, 1, control[member]);
      };
      timer.measure(phase, 2 * each, [&] { team.run(work); });
    }
  }
}

BENCH(vcpus_2m_512g) {
  const Guest guest{test::knobs_2m(), spec::Arch::kSnp, 512 * kGiB, k2M};
  wake_processors();
  on_threads(timer, guest, 1, "fault, one thread", "refault, one thread", "fault after a punch, one thread");
  on_threads(timer, guest, 2, "fault, two threads", "refault, two threads", "fault after a punch, two threads");
  apart(timer, guest, "fault, two engines on two threads", "refault, two engines on two threads");
}

BENCH(vcpus_4k_16g) {
  const Guest guest{test::knobs_4k(), spec::Arch::kNone, 16 * kGiB, kPage};
  wake_processors();
  on_threads(timer, guest, 1, "fault, one thread", "refault, one thread", "fault after a punch, one thread");
  on_threads(timer, guest, 2, "fault, two threads", "refault, two threads", "fault after a punch, two threads");
  apart(timer, guest, "fault, two engines on two threads", "refault, two engines on two threads");
}

}  // namespace
}  // namespace gmem
