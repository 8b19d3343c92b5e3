#include "core/team.h"

#include <pthread.h>
#include <sched.h>

#include <utility>

namespace gmem {

namespace {
// About 300 us: longer than what lies between two pieces of a busy run (an epoch is looked through), because a thread
// that is woken may be put where another one runs. About 20 us where there are not processors for all members.
constexpr int kLooks = 15000;
constexpr int kLooksCrowded = 1000;
// About 5 ms of looks, with the processor given away between them.
constexpr int kYields = 250;

int looks_of(uint32_t members) { return members <= std::thread::hardware_concurrency() ? kLooks : kLooksCrowded; }

// Waits until the value is another one: awake for a moment, then asleep.
void await_change(const std::atomic<uint32_t>& value, uint32_t old, int looks) {
  for (int i = 0; i < looks; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  value.wait(old, std::memory_order_acquire);
}
}  // namespace

Team::Team(uint32_t size) : looks_(looks_of(size)) {
  // Of more processors than a mask has room for nothing is known: members then run anywhere.
  if (sched_getaffinity(0, sizeof allowed_, &allowed_) != 0) CPU_ZERO(&allowed_);
  threads_.reserve(size);
  try {
    for (uint32_t member = 1; member < size; ++member) threads_.emplace_back([this, member] { serve(member); });
  } catch (...) {
    dismiss();
    throw;
  }
}

Team::~Team() { dismiss(); }

void Team::dismiss() {
  call_ = nullptr;
  piece_.fetch_add(1, std::memory_order_release);
  piece_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::keep_apart() {
  const int here = sched_getcpu();
  if (here == apart_from_ || here < 0) return;
  apart_from_ = here;
  cpu_set_t others = allowed_;
  CPU_CLR(here, &others);
  if (CPU_COUNT(&others) < static_cast<int>(threads_.size())) return;
  for (std::thread& thread : threads_) pthread_setaffinity_np(thread.native_handle(), sizeof others, &others);
}

void Team::begin(Call call, void* context) {
  keep_apart();
  call_ = call;
  context_ = context;
  at_work_.store(static_cast<uint32_t>(threads_.size()), std::memory_order_relaxed);
  piece_.fetch_add(1, std::memory_order_release);
  piece_.notify_all();
}

void Team::finish() {
  const auto done = [this] { return at_work_.load(std::memory_order_acquire) == 0; };
  for (int look = 0; look < looks_ && !done(); ++look) relax();
  // Longer awake where there are processors for all: a system may wake the caller where a member runs, and let it wait
  // there while its own idles.
  for (int yield = 0; looks_ == kLooks && yield < kYields && !done(); ++yield) {
    for (int look = 0; look < kLooksCrowded && !done(); ++look) relax();
    sched_yield();
  }
  for (uint32_t left = at_work_.load(std::memory_order_acquire); left != 0;
       left = at_work_.load(std::memory_order_acquire)) {
    at_work_.wait(left, std::memory_order_acquire);
  }
  if (failed_.exchange(false, std::memory_order_relaxed)) [[unlikely]]
    std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Team::attempt(uint32_t member) {
  try {
    call_(context_, member);
  } catch (...) {
    if (!failed_.exchange(true, std::memory_order_relaxed)) failure_ = std::current_exception();
  }
}

void Team::serve(uint32_t member) {
  for (uint32_t seen = 0;; ++seen) {
    await_change(piece_, seen, looks_);
    if (call_ == nullptr) return;
    attempt(member);
    if (at_work_.fetch_sub(1, std::memory_order_acq_rel) == 1) at_work_.notify_one();
  }
}

}  // namespace gmem
