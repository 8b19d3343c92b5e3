// The Node-API border: argument checks, buffers, nothing else. Free functions over an integer handle; a single op goes
// through a mailbox both sides see, a batch through the caller's typed arrays. lib/engine/native.ts is the only caller.
#include <napi.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "addon/arguments.h"
#include "addon/calibrate.h"
#include "addon/kvm.h"
#include "addon/records.h"
#include "addon/sessions.h"
#include "addon/stepping.h"
#include "core/engine.h"

namespace gmem::addon {

namespace {

struct Instance {
  Sessions sessions;
};

Session& session_at(const Napi::CallbackInfo& info, size_t i) {
  Session* session = info.Env().GetInstanceData<Instance>()->sessions.find(id_at(info, i));
  if (session == nullptr) refuse(info.Env(), "no such engine, or it is closed");
  if (session->busy()) refuse(info.Env(), kBusy);
  return *session;
}

// 0: the widest that this CPU has; else 1 + the number of a path.
const SimdKernels& simd_at(const Napi::CallbackInfo& info, size_t i) {
  const auto choice = static_cast<size_t>(number_at(info, i, 0, spec::kSimdPaths));
  if (choice == 0) return best_simd();
  const SimdKernels* kernels = simd_kernels(static_cast<Simd>(choice - 1));
  if (kernels != nullptr) return *kernels;
  throw Napi::Error::New(info.Env(), std::string("simd: ") + spec::kSimdNames[choice - 1] +
                                         ": this CPU does not have it; the widest here is " +
                                         spec::kSimdNames[static_cast<size_t>(best_simd().path)]);
}

// create(knobs: Uint8Array, arch, memoryBytes, contents, residentLimitBytes, seed, simd): handle
Napi::Value create(const Napi::CallbackInfo& info) {
  EngineOptions options;
  const auto positions = array_at<Napi::Uint8Array>(info, 0, napi_uint8_array);
  if (!spec::knobs_from_positions(positions.data, positions.length, options.knobs))
    refuse(info.Env(), "bad knob positions");
  options.arch = static_cast<spec::Arch>(static_cast<uint8_t>(number_at(info, 1, 0, spec::kArches - 1)));
  options.memory_bytes = static_cast<uint64_t>(number_at(info, 2, kBlockBytes, kMostBytes));
  options.contents = number_at(info, 3, 0, 1) != 0;
  options.resident_limit_bytes = count_at(info, 4);
  options.seed = id_at(info, 5);
  options.simd = &simd_at(info, 6);
  try {
    return Napi::Number::New(info.Env(), info.Env().GetInstanceData<Instance>()->sessions.open(options));
  } catch (const std::invalid_argument& refusal) {
    refuse(info.Env(), refusal.what());
  } catch (const std::bad_alloc&) {
    throw Napi::Error::New(info.Env(),
                           "the address space does not allow a host of this size beside the engines that are open "
                           "(contents: false takes less)");
  }
}

// close(handle). Closing what is closed does nothing.
void close(const Napi::CallbackInfo& info) { info.Env().GetInstanceData<Instance>()->sessions.close(id_at(info, 0)); }

// mailbox(handle): ArrayBuffer of an op record and its outcome record, and the same for steps.
Napi::Value mailbox(const Napi::CallbackInfo& info) {
  const auto keep = new std::shared_ptr<Session::Mailbox>(session_at(info, 0).mailbox);
  return Napi::ArrayBuffer::New(
      info.Env(), keep->get(), sizeof(Session::Mailbox),
      [](Napi::Env, void*, std::shared_ptr<Session::Mailbox>* kept) { delete kept; }, keep);
}

// stepper(handle): function that runs the record for steps (stepping.h)
Napi::Value stepper(const Napi::CallbackInfo& info) { return step_function(info.Env(), session_at(info, 0)); }

// step(handle): runs the op in the mailbox. Raw Node-API, because this call is measured in nanoseconds.
napi_value step(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value argument;
  void* data;
  uint32_t handle;
  if (napi_get_cb_info(env, info, &argc, &argument, nullptr, &data) != napi_ok || argc < 1 ||
      napi_get_value_uint32(env, argument, &handle) != napi_ok) {
    napi_throw_type_error(env, nullptr, "expected an engine's handle");
    return nullptr;
  }
  Session* session = static_cast<Instance*>(data)->sessions.find(handle);
  if (session == nullptr) {
    napi_throw_type_error(env, nullptr, "no such engine, or it is closed");
    return nullptr;
  }
  if (session->busy()) {
    napi_throw_type_error(env, nullptr, kBusy);
    return nullptr;
  }
  try {
    session->engine.run(&session->mailbox->op, 1, &session->mailbox->outcome);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
  }
  return nullptr;
}

// run(handle, records: Uint8Array, first, count, outcomes: Uint8Array | null)
void run(const Napi::CallbackInfo& info) {
  Session& session = session_at(info, 0);
  const auto first = count_at(info, 2);
  const auto count = count_at(info, 3);
  const auto* ops = records_at<const spec::OpRecord>(info, 1, first, count);
  auto* const outcomes = wanted_records_at<spec::OutcomeRecord>(info, 4, count);
  if (session.latency) {
    session.latency->run(session.engine, ops, count, outcomes);
  } else {
    session.engine.run(ops, count, outcomes);
  }
}

// Numbers a kind has in what latency() fills: samples, then nanoseconds of p50, p90, p99, p99.9 and the largest.
constexpr size_t kLatencyNumbers = 6;

// latencyStart(handle, every): from now on every so-manieth op of a batch is timed
void latency_start(const Napi::CallbackInfo& info) {
  session_at(info, 0).latency =
      std::make_shared<LatencySampler>(static_cast<uint32_t>(number_at(info, 1, 1, kMostHandle)));
}

// latency(handle, into: Float64Array): six numbers a kind of op; false where nothing is timed
Napi::Value latency(const Napi::CallbackInfo& info) {
  const auto into = array_at<Napi::Float64Array>(info, 1, napi_float64_array);
  if (into.length < kLatencyNumbers * spec::kOpKinds) refuse(info.Env(), "latency array too short");
  const Session& session = session_at(info, 0);
  if (!session.latency) return Napi::Boolean::New(info.Env(), false);
  double* number = into.data;
  for (size_t kind = 0; kind < spec::kOpKinds; ++kind) {
    const Histogram& histogram = session.latency->of(static_cast<spec::OpKind>(kind));
    *number++ = static_cast<double>(histogram.count());
    for (const uint64_t permille : {500, 900, 990, 999}) {
      *number++ = static_cast<double>(histogram.quantile(permille, 1000));
    }
    *number++ = static_cast<double>(histogram.largest());
  }
  return Napi::Boolean::New(info.Env(), true);
}

// runUntilLong(handle, records: Uint8Array, first, count, outcomes: Uint8Array | null): ops run, all before one that
// may take long
Napi::Value run_until_long(const Napi::CallbackInfo& info) {
  Session& session = session_at(info, 0);
  const auto first = count_at(info, 2);
  const auto count = count_at(info, 3);
  const auto* ops = records_at<const spec::OpRecord>(info, 1, first, count);
  auto* outcomes = wanted_records_at<spec::OutcomeRecord>(info, 4, count);
  const uint64_t ran = session.latency ? session.latency->run_until_long(session.engine, ops, count, outcomes)
                                       : session.engine.run_until_long(ops, count, outcomes);
  return Napi::Number::New(info.Env(), static_cast<double>(ran));
}

// runAsync(handle, records: Uint8Array, first, count, outcomes: Uint8Array | null, threads,
//          told: (ops run, nanoseconds, error: string | null) => void)
void run_async(const Napi::CallbackInfo& info) {
  Session& session = session_at(info, 0);
  const auto first = count_at(info, 2);
  const auto count = count_at(info, 3);
  const auto* ops = records_at<const spec::OpRecord>(info, 1, first, count);
  wanted_records_at<spec::OutcomeRecord>(info, 4, count);
  const auto threads = static_cast<uint32_t>(number_at(info, 5, 1, kMostVcpuThreads));
  if (info.Length() < 7 || !info[6].IsFunction()) refuse(info.Env(), "expected a function");
  try {
    session.run =
        AsyncRun::start(info.Env(), session.engine, ops, count, info[4], threads, info[6].As<Napi::Function>());
    // One op that may take long, as one among those of a batch.
    if (session.latency && threads == 1 && count == 1) {
      session.run->time_it(session.latency, static_cast<spec::OpKind>(ops->kind));
    }
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& failure) {
    throw Napi::Error::New(info.Env(), std::string("no run on threads: ") + failure.what());
  }
}

// The engine's latest run on threads; nullptr: never had one, or no such engine.
AsyncRun* run_at(const Napi::CallbackInfo& info) {
  const Session* session = info.Env().GetInstanceData<Instance>()->sessions.find(id_at(info, 0));
  return session == nullptr ? nullptr : session->run.get();
}

// abort(handle): asks the run to end. Nothing happens when there is none.
void abort_run(const Napi::CallbackInfo& info) {
  if (AsyncRun* run = run_at(info); run != nullptr) run->abort();
}

// progress(handle): ops that the latest run on threads has run, now and then
Napi::Value progress(const Napi::CallbackInfo& info) {
  const AsyncRun* run = run_at(info);
  return Napi::Number::New(info.Env(), run == nullptr ? 0 : static_cast<double>(run->done()));
}

// runsWithBuffers(): runs on threads whose buffers this process still has, in all its environments
Napi::Value runs_with_buffers(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(BackgroundRun::with_buffers()));
}

// counters(handle, into: Float64Array of kCounters)
void counters(const Napi::CallbackInfo& info) {
  const auto into = array_at<Napi::Float64Array>(info, 1, napi_float64_array);
  if (into.length < spec::kCounters) refuse(info.Env(), "counter array too short");
  session_at(info, 0).engine.counters(into.data);
}

// errors(handle, into: Float64Array of 256)
void errors(const Napi::CallbackInfo& info) {
  const auto into = array_at<Napi::Float64Array>(info, 1, napi_float64_array);
  if (into.length < Engine::kErrnos) refuse(info.Env(), "errno array too short");
  session_at(info, 0).engine.errors(into.data);
}

// pageView(handle, gmem, first, count, into: Uint32Array): boolean
Napi::Value page_view(const Napi::CallbackInfo& info) {
  const Session& session = session_at(info, 0);
  const auto gmem = id_at(info, 1);
  const auto first = number_at(info, 2, -kMostBytes, kMostBytes);
  const auto count = count_at(info, 3);
  const auto into = array_at<Napi::Uint32Array>(info, 4, napi_uint32_array);
  if (count > into.length / spec::kPageViewWords) refuse(info.Env(), "page view array too short");
  return Napi::Boolean::New(info.Env(), session.engine.page_view(gmem, first, count, into.data));
}

// countPages(handle, gmem, first, count, all, none, any): pages, or -1 where no such file is open
Napi::Value count_pages(const Napi::CallbackInfo& info) {
  const Session& session = session_at(info, 0);
  const auto gmem = id_at(info, 1);
  const auto first = count_at(info, 2);
  const auto count = count_at(info, 3);
  const PageQuery query{id_at(info, 4), id_at(info, 5), id_at(info, 6)};
  const int64_t pages = session.engine.count_pages(gmem, {Index{first}, Index{first + count}}, query);
  return Napi::Number::New(info.Env(), static_cast<double>(pages));
}

// fileSize(handle, gmem): bytes, or -1
Napi::Value file_size(const Napi::CallbackInfo& info) {
  const Session& session = session_at(info, 0);
  const auto gmem = id_at(info, 1);
  return Napi::Number::New(info.Env(), static_cast<double>(session.engine.file_size_bytes(gmem)));
}

// verify(handle): string[]
Napi::Value verify(const Napi::CallbackInfo& info) { return strings(info.Env(), session_at(info, 0).engine.verify()); }

// host(handle, into: Float64Array): metadata bytes, resident bytes of page contents, number of the simd path; runs on
// threads: epochs, ops beside others, ops alone, stalls, ns; of each kind of lock: acquisitions, waits, ns waited
void host(const Napi::CallbackInfo& info) {
  const auto into = array_at<Napi::Float64Array>(info, 1, napi_float64_array);
  if (into.length < 8 + 3 * kLockKinds) refuse(info.Env(), "host array too short");
  const Session& session = session_at(info, 0);
  into.data[0] = static_cast<double>(session.engine.metadata_bytes());
  into.data[1] = static_cast<double>(session.engine.resident_bytes());
  into.data[2] = static_cast<double>(session.engine.simd().path);
  const VcpuFigures figures = session.engine.vcpu_figures();
  double* next = into.data + 3;
  for (const uint64_t figure :
       {figures.epochs, figures.ops_beside, figures.ops_alone, figures.stalls, figures.wall_ns}) {
    *next++ = static_cast<double>(figure);
  }
  for (const LockFigures& lock : figures.locks) {
    for (const uint64_t figure : {lock.acquisitions, lock.waits, lock.wait_ns}) *next++ = static_cast<double>(figure);
  }
}

}  // namespace

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* instance = new Instance();
  env.SetInstanceData(instance);
  exports.Set("create", Napi::Function::New(env, create, "create"));
  exports.Set("close", Napi::Function::New(env, close, "close"));
  exports.Set("mailbox", Napi::Function::New(env, mailbox, "mailbox"));
  exports.Set("stepper", Napi::Function::New(env, stepper, "stepper"));
  exports.Set("run", Napi::Function::New(env, run, "run"));
  exports.Set("runUntilLong", Napi::Function::New(env, run_until_long, "runUntilLong"));
  exports.Set("runAsync", Napi::Function::New(env, run_async, "runAsync"));
  exports.Set("abort", Napi::Function::New(env, abort_run, "abort"));
  exports.Set("progress", Napi::Function::New(env, progress, "progress"));
  exports.Set("runsWithBuffers", Napi::Function::New(env, runs_with_buffers, "runsWithBuffers"));
  exports.Set("counters", Napi::Function::New(env, counters, "counters"));
  exports.Set("errors", Napi::Function::New(env, errors, "errors"));
  exports.Set("pageView", Napi::Function::New(env, page_view, "pageView"));
  exports.Set("countPages", Napi::Function::New(env, count_pages, "countPages"));
  exports.Set("fileSize", Napi::Function::New(env, file_size, "fileSize"));
  exports.Set("verify", Napi::Function::New(env, verify, "verify"));
  exports.Set("latencyStart", Napi::Function::New(env, latency_start, "latencyStart"));
  exports.Set("latency", Napi::Function::New(env, latency, "latency"));
  exports.Set("host", Napi::Function::New(env, host, "host"));
  napi_value step_function;
  if (napi_create_function(env, "step", NAPI_AUTO_LENGTH, step, instance, &step_function) == napi_ok) {
    exports.Set("step", Napi::Function(env, step_function));
  }
  register_kvm(env, exports);
  register_calibrate(env, exports);
  register_records(env, exports);
  return exports;
}

NODE_API_MODULE(gmem, init)

}  // namespace gmem::addon
