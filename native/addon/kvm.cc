// The Node-API border of the kvm engine: argument checks and buffers, nothing else. lib/kvm/backend.ts is the only
// caller.
//
// Engines are reached by small integers, never reused, out of a table that belongs to one Node environment and dies
// with it.
#include "addon/kvm.h"

#include <map>
#include <memory>

#include "addon/arguments.h"
#include "kvm/engine.h"

namespace gmem::addon {
namespace {

struct Table {
  std::map<uint32_t, std::unique_ptr<kvm::Engine>> engines;
  uint32_t next = 1;
};

kvm::Engine& engine_at(Table& table, const Napi::CallbackInfo& info) {
  const auto it = table.engines.find(id_at(info, 0));
  if (it == table.engines.end()) refuse(info.Env(), "no such engine, or it is closed");
  return *it->second;
}

Napi::Object describe(Napi::Env env, const kvm::Capabilities& caps) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("missing", caps.missing == nullptr ? env.Null() : Napi::Value(Napi::String::New(env, caps.missing)));
  out.Set("errno", caps.errno_number);
  out.Set("apiVersion", caps.api_version);
  out.Set("createFlags", static_cast<double>(caps.create_flags));
  out.Set("attributes", static_cast<double>(caps.attributes));
  out.Set("slots", caps.slots);
  out.Set("memoryFaultInfo", caps.memory_fault_info);
  out.Set("physicalBits", caps.physical_bits);
  out.Set("vcpuErrno", caps.vcpu_errno);
  out.Set("pinErrno", caps.pin_errno);
  return out;
}

// kvmProbe(): capabilities, `missing` null when the engine can run
Napi::Value probe(Table&, const Napi::CallbackInfo& info) {
  kvm::Fd fd;
  return describe(info.Env(), kvm::probe(fd));
}

// kvmCreate(residentLimitBytes): { handle, capabilities }; no handle when something is missing
Napi::Value create(Table& table, const Napi::CallbackInfo& info) {
  auto engine = std::make_unique<kvm::Engine>();
  const bool opened = engine->open(count_at(info, 0));
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("capabilities", describe(info.Env(), engine->capabilities()));
  if (opened) {
    const uint32_t handle = table.next++;
    table.engines[handle] = std::move(engine);
    out.Set("handle", handle);
  }
  return out;
}

// kvmClose(handle). Closing what is closed does nothing.
Napi::Value close(Table& table, const Napi::CallbackInfo& info) {
  table.engines.erase(id_at(info, 0));
  return info.Env().Undefined();
}

// kvmRun(handle, records: Uint8Array, first, count, outcomes: Uint8Array | null)
Napi::Value run(Table& table, const Napi::CallbackInfo& info) {
  kvm::Engine& engine = engine_at(table, info);
  const uint64_t first = count_at(info, 2);
  const uint64_t count = count_at(info, 3);
  const auto* ops = records_at<const spec::OpRecord>(info, 1, first, count);
  auto* outcomes = wanted_records_at<spec::OutcomeRecord>(info, 4, count);
  for (uint64_t i = 0; i < count; ++i) {
    const spec::OutcomeRecord outcome = engine.run(ops[i]);
    if (outcomes != nullptr) outcomes[i] = outcome;
  }
  return info.Env().Undefined();
}

// kvmCrash(handle, vm): errno of a guest program that ends in a triple fault
Napi::Value crash(Table& table, const Napi::CallbackInfo& info) {
  kvm::Engine& engine = engine_at(table, info);
  return Napi::Number::New(info.Env(), engine.crash(id_at(info, 1)));
}

// kvmErrors(handle, into: Float64Array of 256)
Napi::Value errors(Table& table, const Napi::CallbackInfo& info) {
  kvm::Engine& engine = engine_at(table, info);
  const auto into = array_at<Napi::Float64Array>(info, 1, napi_float64_array);
  if (into.length < kvm::Engine::kErrnos) refuse(info.Env(), "errno array too short");
  for (size_t i = 0; i < kvm::Engine::kErrnos; ++i) into.data[i] = static_cast<double>(engine.errors()[i]);
  return info.Env().Undefined();
}

// kvmPages(handle, gmem, first, count, into: Uint8Array): boolean. Bit 0 present and cleared, bit 1 bound.
Napi::Value pages(Table& table, const Napi::CallbackInfo& info) {
  kvm::Engine& engine = engine_at(table, info);
  const auto gmem = id_at(info, 1);
  const uint64_t first = count_at(info, 2);
  const uint64_t count = count_at(info, 3);
  const auto into = array_at<Napi::Uint8Array>(info, 4, napi_uint8_array);
  if (count > into.length) refuse(info.Env(), "page array too short");
  return Napi::Boolean::New(info.Env(), engine.pages(gmem, first, count, into.data));
}

// kvmFileSize(handle, gmem): bytes, or -1
Napi::Value file_size(Table& table, const Napi::CallbackInfo& info) {
  kvm::Engine& engine = engine_at(table, info);
  const auto gmem = id_at(info, 1);
  return Napi::Number::New(info.Env(), static_cast<double>(engine.file_size(gmem)));
}

// kvmVerify(handle): string[]
Napi::Value verify(Table& table, const Napi::CallbackInfo& info) {
  return strings(info.Env(), engine_at(table, info).verify());
}

// kvmHost(handle): figures by name
Napi::Value host(Table& table, const Napi::CallbackInfo& info) {
  const kvm::Figures figures = engine_at(table, info).figures();
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("vms_open", static_cast<double>(figures.vms));
  out.Set("gmem_files_open", static_cast<double>(figures.files));
  out.Set("slots_bound", static_cast<double>(figures.slots));
  out.Set("guest_runs", static_cast<double>(figures.guest_runs));
  out.Set("guest_crashes", static_cast<double>(figures.guest_crashes));
  out.Set("resident_bytes_bound", static_cast<double>(figures.resident_bytes_bound));
  out.Set("refused_by_resident_limit", static_cast<double>(figures.refused_by_limit));
  return out;
}

}  // namespace

void register_kvm(Napi::Env env, Napi::Object exports) {
  auto table = std::make_shared<Table>();
  const auto add = [&](const char* name, Napi::Value (*call)(Table&, const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(
                          env, [table, call](const Napi::CallbackInfo& info) { return call(*table, info); }, name));
  };
  add("kvmProbe", probe);
  add("kvmCreate", create);
  add("kvmClose", close);
  add("kvmRun", run);
  add("kvmCrash", crash);
  add("kvmErrors", errors);
  add("kvmPages", pages);
  add("kvmFileSize", file_size);
  add("kvmVerify", verify);
  add("kvmHost", host);
}

}  // namespace gmem::addon
