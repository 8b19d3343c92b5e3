// Checks of what JavaScript gives: each throws a TypeError where it is not what was asked for.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace gmem::addon {

inline constexpr double kMostHandle = 0xffffffff;
inline constexpr double kMostBytes = 9007199254740991.0;

[[noreturn]] inline void refuse(Napi::Env env, const char* message) { throw Napi::TypeError::New(env, message); }

// An integer from `least` to `most`, both within the safe integers.
inline int64_t number_at(const Napi::CallbackInfo& info, size_t i, double least, double most) {
  if (i >= info.Length() || !info[i].IsNumber()) refuse(info.Env(), "expected a number");
  const double value = info[i].As<Napi::Number>().DoubleValue();
  if (!(value >= least && value <= most) || value != static_cast<double>(static_cast<int64_t>(value))) {
    refuse(info.Env(), "number out of range");
  }
  return static_cast<int64_t>(value);
}

inline uint64_t count_at(const Napi::CallbackInfo& info, size_t i) {
  return static_cast<uint64_t>(number_at(info, i, 0, kMostBytes));
}

inline uint32_t id_at(const Napi::CallbackInfo& info, size_t i) {
  return static_cast<uint32_t>(number_at(info, i, 0, kMostHandle));
}

template <class Element>
struct View {
  Element* data;
  size_t length;
};

// Valid until the call returns to JavaScript. Memory that other threads share is refused: what was looked at must not
// change.
template <class Array>
auto array_at(const Napi::CallbackInfo& info, size_t i, napi_typedarray_type type) {
  if (i >= info.Length() || !info[i].IsTypedArray() || info[i].As<Napi::TypedArray>().TypedArrayType() != type) {
    refuse(info.Env(), "expected another typed array");
  }
  Array array = info[i].As<Array>();
  if (!array.ArrayBuffer().IsArrayBuffer()) refuse(info.Env(), "expected memory that is not shared");
  return View<std::remove_pointer_t<decltype(array.Data())>>{array.Data(), array.ElementLength()};
}

// Records in a byte array: aligned for their doubles, and as many as asked for.
template <class Record>
Record* records_at(const Napi::CallbackInfo& info, size_t i, uint64_t first, uint64_t count) {
  const auto bytes = array_at<Napi::Uint8Array>(info, i, napi_uint8_array);
  if (reinterpret_cast<uintptr_t>(bytes.data) % alignof(Record) != 0)
    refuse(info.Env(), "records are not 8-byte aligned");
  if (first > bytes.length / sizeof(Record) || count > bytes.length / sizeof(Record) - first)
    refuse(info.Env(), "too few records");
  return reinterpret_cast<Record*>(bytes.data) + first;
}

// The array argument `i` that takes outcomes, or nullptr where the caller wants none.
template <class Record>
Record* wanted_records_at(const Napi::CallbackInfo& info, size_t i, uint64_t count) {
  const bool wanted = info.Length() > i && !info[i].IsNull() && !info[i].IsUndefined();
  return wanted ? records_at<Record>(info, i, 0, count) : nullptr;
}

inline Napi::Value strings(Napi::Env env, const std::vector<std::string>& texts) {
  Napi::Array lines = Napi::Array::New(env, texts.size());
  for (uint32_t i = 0; i < texts.size(); ++i) lines.Set(i, Napi::String::New(env, texts[i]));
  return lines;
}

}  // namespace gmem::addon
