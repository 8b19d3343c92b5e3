#include "core/background_run.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <utility>

namespace gmem {

namespace {
std::atomic<uint64_t> buffers_alive{0};
}  // namespace

BackgroundRun::Buffers::Buffers(const spec::OpRecord* first, uint64_t count, bool with_outcomes)
    : ops(first, first + count), outcomes(with_outcomes ? count : 0) {
  buffers_alive.fetch_add(1, std::memory_order_relaxed);
}

BackgroundRun::Buffers::~Buffers() { buffers_alive.fetch_sub(1, std::memory_order_relaxed); }

uint64_t BackgroundRun::with_buffers() { return buffers_alive.load(std::memory_order_relaxed); }

BackgroundRun::BackgroundRun(Engine& engine, const spec::OpRecord* ops, uint64_t count, bool outcomes, uint32_t threads)
    : engine_(engine), buffers_(std::make_unique<Buffers>(ops, count, outcomes)), threads_(threads) {}

void BackgroundRun::start(std::function<void()> over) {
  over_ = std::move(over);
  active_ = true;
  try {
    thread_ = std::thread([this] { work(); });
  } catch (...) {
    active_ = false;
    throw;
  }
}

// On the run's thread.
void BackgroundRun::work() {
  const auto begin = std::chrono::steady_clock::now();
  try {
    auto& [ops, outcomes] = *buffers_;
    ran_ =
        engine_.run_on_vcpus(ops.data(), ops.size(), outcomes.empty() ? nullptr : outcomes.data(), threads_, control_);
  } catch (const std::exception& failure) {
    error_ = failure.what();
  }
  took_ns_ = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin).count());
  over_();
}

void BackgroundRun::finish() {
  if (!active_) return;
  abort();
  thread_.join();
  active_ = false;
}

}  // namespace gmem
