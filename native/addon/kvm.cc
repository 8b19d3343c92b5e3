// The Node-API border of the kvm engine: argument checks and buffers, nothing else. lib/kvm/backend.ts is the only
// caller.
//
// Engines are reached by small integers, never reused, out of a table that belongs to one Node environment and dies
// with it.
#include "addon/kvm.h"

#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "kvm/engine.h"

namespace gmem::addon {
namespace {

constexpr double kMostBytes = 9007199254740991.0;

struct Table {
  std::map<uint32_t, std::unique_ptr<kvm::Engine>> engines;
  uint32_t next = 1;
};

[[noreturn]] void refuse(Napi::Env env, const char* message) { throw Napi::TypeError::New(env, message); }

uint64_t number_at(const Napi::CallbackInfo& info, size_t i, double most) {
  if (i >= info.Length() || !info[i].IsNumber()) refuse(info.Env(), "expected a number");
  const double value = info[i].As<Napi::Number>().DoubleValue();
  if (!(value >= 0 && value <= most) || value != static_cast<double>(static_cast<uint64_t>(value))) {
    refuse(info.Env(), "number out of range");
  }
  return static_cast<uint64_t>(value);
}

template <class Array>
Array array_at(const Napi::CallbackInfo& info, size_t i, napi_typedarray_type type) {
  if (i >= info.Length() || !info[i].IsTypedArray() || info[i].As<Napi::TypedArray>().TypedArrayType() != type) {
    refuse(info.Env(), "expected another typed array");
  }
  return info[i].As<Array>();
}

// First byte of `count` records of `bytes_each`, from record `first` on.
uint8_t* records_at(const Napi::CallbackInfo& info, size_t i, uint64_t first, uint64_t count, size_t bytes_each) {
  auto array = array_at<Napi::Uint8Array>(info, i, napi_uint8_array);
  const uint64_t records = array.ByteLength() / bytes_each;
  if (first > records || count > records - first) refuse(info.Env(), "too few records");
  return array.Data() + first * bytes_each;
}

kvm::Engine& engine_at(Table& table, const Napi::CallbackInfo& info) {
  const auto handle = static_cast<uint32_t>(number_at(info, 0, 0xffffffffU));
  const auto it = table.engines.find(handle);
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
  const bool opened = engine->open(number_at(info, 0, kMostBytes));
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
  table.engines.erase(static_cast<uint32_t>(number_at(info, 0, 0xffffffffU)));
  return info.Env().Undefined();
}

// kvmRun(handle, records: Uint8Array, first, count, outcomes: Uint8Array | null)
Napi::Value run(Table& table, const Napi::CallbackInfo& info) {
  kvm::Engine& engine = engine_at(table, info);
  const uint64_t first = number_at(info, 2, kMostBytes);
  const uint64_t count = number_at(info, 3, kMostBytes);
  const uint8_t* ops = records_at(info, 1, first, count, sizeof(spec::OpRecord));
  const bool wanted = info.Length() > 4 && !info[4].IsNull() && !info[4].IsUndefined();
  uint8_t* outcomes = wanted ? records_at(info, 4, 0, count, sizeof(spec::OutcomeRecord)) : nullptr;
  for (uint64_t i = 0; i < count; ++i) {
    spec::OpRecord op;
    std::memcpy(&op, ops + i * sizeof op, sizeof op);
    const spec::OutcomeRecord outcome = engine.run(op);
    if (wanted) std::memcpy(outcomes + i * sizeof outcome, &outcome, sizeof outcome);
  }
  return info.Env().Undefined();
}

// kvmErrors(handle, into: Float64Array of 256)
Napi::Value errors(Table& table, const Napi::CallbackInfo& info) {
  kvm::Engine& engine = engine_at(table, info);
  auto into = array_at<Napi::Float64Array>(info, 1, napi_float64_array);
  if (into.ElementLength() < kvm::Engine::kErrnos) refuse(info.Env(), "errno array too short");
  for (size_t i = 0; i < kvm::Engine::kErrnos; ++i) into[i] = static_cast<double>(engine.errors()[i]);
  return info.Env().Undefined();
}

// kvmPages(handle, gmem, first, count, into: Uint8Array): boolean. Bit 0 present and cleared, bit 1 bound.
Napi::Value pages(Table& table, const Napi::CallbackInfo& info) {
  kvm::Engine& engine = engine_at(table, info);
  const auto gmem = static_cast<uint32_t>(number_at(info, 1, 0xffffffffU));
  const uint64_t first = number_at(info, 2, kMostBytes);
  const uint64_t count = number_at(info, 3, kMostBytes);
  auto into = array_at<Napi::Uint8Array>(info, 4, napi_uint8_array);
  if (count > into.ByteLength()) refuse(info.Env(), "page array too short");
  return Napi::Boolean::New(info.Env(), engine.pages(gmem, first, count, into.Data()));
}

// kvmFileSize(handle, gmem): bytes, or -1
Napi::Value file_size(Table& table, const Napi::CallbackInfo& info) {
  kvm::Engine& engine = engine_at(table, info);
  const auto gmem = static_cast<uint32_t>(number_at(info, 1, 0xffffffffU));
  return Napi::Number::New(info.Env(), static_cast<double>(engine.file_size(gmem)));
}

// kvmVerify(handle): string[]
Napi::Value verify(Table& table, const Napi::CallbackInfo& info) {
  const std::vector<std::string> problems = engine_at(table, info).verify();
  Napi::Array lines = Napi::Array::New(info.Env(), problems.size());
  for (uint32_t i = 0; i < problems.size(); ++i) lines.Set(i, Napi::String::New(info.Env(), problems[i]));
  return lines;
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
  add("kvmErrors", errors);
  add("kvmPages", pages);
  add("kvmFileSize", file_size);
  add("kvmVerify", verify);
  add("kvmHost", host);
}

}  // namespace gmem::addon
