// The Node-API border of the calibration: argument checks, nothing else. lib/calibrate/native.ts is the only caller.
//
// Sessions and files are reached by small integers, never reused, out of a table that belongs to one Node environment
// and dies with it.
#include "addon/calibrate.h"

#include <map>
#include <memory>
#include <string>

#include "addon/arguments.h"
#include "calibrate/gmem_figures.h"
#include "calibrate/session.h"

namespace gmem::addon {
namespace {

constexpr uint64_t kPage = spec::kPageBytes;
constexpr uint64_t kHuge = uint64_t{2} << 20;
constexpr double kMostHold = 1099511627776.0;

struct Table {
  std::map<uint32_t, std::unique_ptr<calibrate::Session>> sessions;
  std::map<uint32_t, std::unique_ptr<calibrate::GmemFigures>> files;
  std::map<uint32_t, uint64_t> file_bytes;
  uint32_t next = 1;
};

uint64_t multiple_at(const Napi::CallbackInfo& info, size_t i, double least, double most, uint64_t unit) {
  const auto value = static_cast<uint64_t>(number_at(info, i, least, most));
  if (value % unit != 0) refuse(info.Env(), "number out of range");
  return value;
}

template <class Held>
Held& held(const std::map<uint32_t, std::unique_ptr<Held>>& table, const Napi::CallbackInfo& info) {
  const auto it = table.find(id_at(info, 0));
  if (it == table.end()) refuse(info.Env(), "no such calibration, or it is closed");
  return *it->second;
}

Napi::Object describe(Napi::Env env, const calibrate::Sample& sample) {
  Napi::Object out = Napi::Object::New(env);
  out.Set("lacks", sample.lacks == nullptr ? env.Null() : Napi::Value(Napi::String::New(env, sample.lacks)));
  out.Set("errno", sample.errno_number);
  out.Set("cpuNanoseconds", sample.cpu_nanoseconds);
  out.Set("wallNanoseconds", sample.wall_nanoseconds);
  out.Set("events", sample.events);
  return out;
}

// calibrateNames(): string[]
Napi::Value names(Table&, const Napi::CallbackInfo& info) {
  const std::vector<const char*> all = calibrate::Session::names();
  Napi::Array out = Napi::Array::New(info.Env(), all.size());
  for (uint32_t i = 0; i < all.size(); ++i) out.Set(i, Napi::String::New(info.Env(), all[i]));
  return out;
}

// calibrateOpen(holdBytes): handle
Napi::Value open(Table& table, const Napi::CallbackInfo& info) {
  const uint64_t hold = multiple_at(info, 0, kHuge, kMostHold, kHuge);
  table.sessions[table.next] = std::make_unique<calibrate::Session>(hold);
  return Napi::Number::New(info.Env(), table.next++);
}

// calibrateSample(handle, name): { cpuNanoseconds, wallNanoseconds, events, lacks, errno }
Napi::Value sample(Table& table, const Napi::CallbackInfo& info) {
  calibrate::Session& session = held(table.sessions, info);
  if (info.Length() < 2 || !info[1].IsString()) refuse(info.Env(), "expected a figure's name");
  calibrate::Sample out;
  if (!session.sample(info[1].As<Napi::String>().Utf8Value(), out)) refuse(info.Env(), "no such figure");
  return describe(info.Env(), out);
}

// calibrateHost(handle): { ticksPerSecond, processor, missing, errno, vcpuErrno, createFlags }
Napi::Value host(Table& table, const Napi::CallbackInfo& info) {
  calibrate::Session& session = held(table.sessions, info);
  const kvm::Capabilities& caps = session.capabilities();
  Napi::Object out = Napi::Object::New(info.Env());
  out.Set("ticksPerSecond", session.ticks_per_second());
  out.Set("processor", session.processor());
  out.Set("missing",
          caps.missing == nullptr ? info.Env().Null() : Napi::Value(Napi::String::New(info.Env(), caps.missing)));
  out.Set("errno", caps.errno_number);
  out.Set("vcpuErrno", caps.vcpu_errno);
  out.Set("createFlags", static_cast<double>(caps.create_flags));
  return out;
}

// calibrateClose(handle). Closing what is closed does nothing.
Napi::Value close(Table& table, const Napi::CallbackInfo& info) {
  table.sessions.erase(id_at(info, 0));
  return info.Env().Undefined();
}

// gmemOpen(bytes): handle of a guest_memfd of that size in a VM of its own
Napi::Value gmem_open(Table& table, const Napi::CallbackInfo& info) {
  const uint64_t bytes = multiple_at(info, 0, 2 * kHuge, kMostHold, kHuge);
  table.files[table.next] = std::make_unique<calibrate::GmemFigures>(bytes);
  table.file_bytes[table.next] = bytes;
  return Napi::Number::New(info.Env(), table.next++);
}

// gmemTouch(handle, byVcpu: boolean, offset, bytes): a sample, an event a page
Napi::Value gmem_touch(Table& table, const Napi::CallbackInfo& info) {
  calibrate::GmemFigures& file = held(table.files, info);
  const auto end = static_cast<double>(table.file_bytes[id_at(info, 0)]);
  if (info.Length() < 2 || !info[1].IsBoolean()) refuse(info.Env(), "expected a boolean");
  const uint64_t offset = multiple_at(info, 2, 0, end, kPage);
  const uint64_t bytes = multiple_at(info, 3, kPage, end - static_cast<double>(offset), kPage);
  const auto by = info[1].As<Napi::Boolean>() ? calibrate::GmemFigures::By::kVcpu : calibrate::GmemFigures::By::kHost;
  return describe(info.Env(), file.touch_range(by, offset, bytes));
}

// gmemHold(handle, bytes): errno of taking so much anonymous memory and touching it
Napi::Value gmem_hold(Table& table, const Napi::CallbackInfo& info) {
  calibrate::GmemFigures& file = held(table.files, info);
  const auto most = static_cast<double>(table.file_bytes[id_at(info, 0)]);
  return Napi::Number::New(info.Env(), file.hold(multiple_at(info, 1, kHuge, most, kHuge)));
}

// gmemRelease(handle, bytes): gives up to so much of it back
Napi::Value gmem_release(Table& table, const Napi::CallbackInfo& info) {
  calibrate::GmemFigures& file = held(table.files, info);
  file.release(multiple_at(info, 1, kHuge, kMostHold, kHuge));
  return info.Env().Undefined();
}

// gmemPunch(handle): errno of punching the whole file
Napi::Value gmem_punch(Table& table, const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), held(table.files, info).punch_all());
}

// gmemClose(handle). Closing what is closed does nothing.
Napi::Value gmem_close(Table& table, const Napi::CallbackInfo& info) {
  table.file_bytes.erase(id_at(info, 0));
  table.files.erase(id_at(info, 0));
  return info.Env().Undefined();
}

}  // namespace

void register_calibrate(Napi::Env env, Napi::Object exports) {
  auto table = std::make_shared<Table>();
  const auto add = [&](const char* name, Napi::Value (*call)(Table&, const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(
                          env, [table, call](const Napi::CallbackInfo& info) { return call(*table, info); }, name));
  };
  add("calibrateNames", names);
  add("calibrateOpen", open);
  add("calibrateSample", sample);
  add("calibrateHost", host);
  add("calibrateClose", close);
  add("gmemOpen", gmem_open);
  add("gmemTouch", gmem_touch);
  add("gmemHold", gmem_hold);
  add("gmemRelease", gmem_release);
  add("gmemPunch", gmem_punch);
  add("gmemClose", gmem_close);
}

}  // namespace gmem::addon
