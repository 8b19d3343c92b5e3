#include "calibrate/session.h"

#include <sched.h>

namespace gmem::calibrate {
namespace {

using By = GmemFigures::By;

constexpr uint64_t k4K = uint64_t{4} << 10;
constexpr uint64_t k2M = uint64_t{2} << 20;
constexpr uint64_t k1G = uint64_t{1} << 30;

struct Figure {
  const char* name;
  Sample (*take)(HostFigures&, GmemFigures&);
};

template <Sample (HostFigures::*Method)()>
Sample of_host(HostFigures& host, GmemFigures&) {
  return (host.*Method)();
}

template <ClearBy By, uint64_t Chunk>
Sample of_clear(HostFigures& host, GmemFigures&) {
  return host.clear_walk(By, Chunk);
}

// lib/calibrate/figures.ts says what each is.
constexpr Figure kFigures[] = {
    {"gmem_first_touch_4k", [](HostFigures&, GmemFigures& gmem) { return gmem.first_touch(); }},
    {"thp_first_touch_2m", of_host<&HostFigures::thp_first_touch>},
    {"syscall", of_host<&HostFigures::system_call>},
    {"clock", of_host<&HostFigures::clock>},
    {"anonymous_fault_4k", of_host<&HostFigures::anonymous_fault>},
    {"thp_fault_2m", of_host<&HostFigures::thp_fault>},
    {"dontneed_4k", of_host<&HostFigures::dontneed_4k>},
    {"dontneed_2m_thp", of_host<&HostFigures::dontneed_2m_thp>},
    {"dontneed_2m_of_4k", of_host<&HostFigures::dontneed_2m_of_4k>},
    {"clear_nontemporal_4k", of_clear<ClearBy::kNonTemporal, k4K>},
    {"clear_nontemporal_2m", of_clear<ClearBy::kNonTemporal, k2M>},
    {"clear_nontemporal_1g", of_clear<ClearBy::kNonTemporal, k1G>},
    {"clear_memset_4k", of_clear<ClearBy::kMemset, k4K>},
    {"clear_memset_2m", of_clear<ClearBy::kMemset, k2M>},
    {"clear_memset_1g", of_clear<ClearBy::kMemset, k1G>},
    {"clear_string_4k", of_clear<ClearBy::kString, k4K>},
    {"clear_string_2m", of_clear<ClearBy::kString, k2M>},
    {"clear_string_1g", of_clear<ClearBy::kString, k1G>},
    {"gmem_host_fault_absent_4k", [](HostFigures&, GmemFigures& gmem) { return gmem.fault_absent(By::kHost); }},
    {"gmem_host_fault_present_4k", [](HostFigures&, GmemFigures& gmem) { return gmem.fault_present(By::kHost); }},
    {"gmem_vcpu_fault_absent_4k", [](HostFigures&, GmemFigures& gmem) { return gmem.fault_absent(By::kVcpu); }},
    {"gmem_vcpu_fault_present_4k", [](HostFigures&, GmemFigures& gmem) { return gmem.fault_present(By::kVcpu); }},
    {"gmem_fallocate_4k", [](HostFigures&, GmemFigures& gmem) { return gmem.fallocate(k4K); }},
    {"gmem_fallocate_2m", [](HostFigures&, GmemFigures& gmem) { return gmem.fallocate(k2M); }},
    {"gmem_punch_4k", [](HostFigures&, GmemFigures& gmem) { return gmem.punch(k4K, false); }},
    {"gmem_punch_2m", [](HostFigures&, GmemFigures& gmem) { return gmem.punch(k2M, false); }},
    {"gmem_punch_mapped_4k", [](HostFigures&, GmemFigures& gmem) { return gmem.punch(k4K, true); }},
    {"gmem_punch_mapped_2m", [](HostFigures&, GmemFigures& gmem) { return gmem.punch(k2M, true); }},
    {"vcpu_round_trip", [](HostFigures&, GmemFigures& gmem) { return gmem.vcpu_round_trip(); }},
};

}  // namespace

Session::Session(uint64_t hold_bytes) : host_(hold_bytes), started_ns_(now_ns()), started_ticks_(processor_ticks()) {}

std::vector<const char*> Session::names() {
  std::vector<const char*> out;
  for (const Figure& figure : kFigures) out.push_back(figure.name);
  return out;
}

bool Session::sample(std::string_view name, Sample& out) {
  for (const Figure& figure : kFigures) {
    if (name != figure.name) continue;
    cpu_set_t before;
    const bool known = ::sched_getaffinity(0, sizeof before, &before) == 0;
    if (!tried_to_pin_) processor_ = ::sched_getcpu();
    tried_to_pin_ = true;
    if (processor_ >= 0) {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(static_cast<unsigned>(processor_), &one);
      if (!known || ::sched_setaffinity(0, sizeof one, &one) != 0) processor_ = -1;
    }
    out = figure.take(host_, gmem_);
    if (processor_ >= 0) (void)::sched_setaffinity(0, sizeof before, &before);
    return true;
  }
  return false;
}

double Session::ticks_per_second() const {
  const uint64_t ticks = processor_ticks();
  const uint64_t nanoseconds = now_ns() - started_ns_;
  if (ticks == 0 || nanoseconds == 0) return 0;
  return static_cast<double>(ticks - started_ticks_) * 1e9 / static_cast<double>(nanoseconds);
}

}  // namespace gmem::calibrate
