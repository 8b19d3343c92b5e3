// Runs on threads of their own, handed over and back between them and an owner that stands for Node's JavaScript
// thread: it hears of ends through a queue, looks at progress, aborts at any time, and may go before it heard. What
// these tests cannot see, ThreadSanitizer does.
#include "core/background_run.h"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "test/host.h"
#include "test/test.h"

namespace gmem {
namespace {

using spec::OpKind;
using test::Host;
using test::kMiB;
using test::kPage;
using test::Random;

constexpr double kGuest = 48 * kMiB;

// What Node keeps for an environment: ends that wait to be told.
class Queue {
 public:
  void put(BackgroundRun* run) {
    {
      const std::lock_guard guard(mutex_);
      ends_.push_back(run);
    }
    came_.notify_one();
  }
  BackgroundRun* wait() {
    std::unique_lock guard(mutex_);
    came_.wait(guard, [this] { return !ends_.empty(); });
    BackgroundRun* run = ends_.front();
    ends_.pop_front();
    return run;
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<BackgroundRun*> ends_;
};

std::vector<spec::OpRecord> touches(uint64_t count) {
  std::vector<spec::OpRecord> ops(count, Host::record(OpKind::kTouch));
  for (uint64_t i = 0; i < count; ++i) {
    ops[i].vcpu = static_cast<uint16_t>(i % 5);
    ops[i].address = static_cast<double>(i * 7 % static_cast<uint64_t>(kGuest / kPage)) * kPage;
    ops[i].size = kPage;
  }
  return ops;
}

// An engine with a guest, as a script has it between two runs.
struct Owner {
  Owner() : host(test::options(test::knobs_4k(), spec::Arch::kSnp)) {
    host.create(0, kGuest);
    host.bind(0, 0, kGuest, 0);
  }
  std::unique_ptr<BackgroundRun> start(const std::vector<spec::OpRecord>& ops, bool outcomes, uint32_t threads) {
    auto run = std::make_unique<BackgroundRun>(host.engine, ops.data(), ops.size(), outcomes, threads);
    run->start([this, run = run.get()] { queue.put(run); });
    return run;
  }
  void check() const {
    for (const std::string& problem : host.engine.verify()) test::fail(__FILE__, __LINE__, problem);
  }

  Host host;
  Queue queue;
};

// Runs to their ends or aborted, told, and looked at as a script does.
void tell_runs(Owner& owner, Random& random, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    std::vector<spec::OpRecord> ops = touches(1 + random.below(3000));
    const uint64_t count = ops.size();
    const bool outcomes = random.below(2) == 0;
    const auto run = owner.start(ops, outcomes, 1 + static_cast<uint32_t>(random.below(3)));
    // What the owner does to its records does not reach the run.
    ops.assign(count, Host::record(OpKind::kDestroy));
    CHECK(run->active());
    const bool abort = random.below(2) == 0;
    for (uint64_t looks = random.below(400); looks > 0; --looks) CHECK(run->done() <= count);
    if (abort) run->abort();
    CHECK(owner.queue.wait() == run.get());
    run->finish();
    CHECK(!run->active());
    CHECK(run->error().empty());
    CHECK(abort ? run->ran() <= count : run->ran() == count);
    CHECK_EQ(run->outcomes().size(), outcomes ? count : 0);
    if (!abort) {
      for (const spec::OutcomeRecord& outcome : run->outcomes()) CHECK_EQ(outcome.errno_number, spec::kOk);
    }
    owner.host.on_vm(OpKind::kTouch, 0, kPage);
  }
  owner.check();
}

TEST(background_run_is_handed_over_and_back) {
  const uint64_t before = BackgroundRun::with_buffers();
  Random random(1);
  Owner owner;
  tell_runs(owner, random, 60);
  CHECK_EQ(BackgroundRun::with_buffers(), before);
}

// Whoever asked goes, at any moment around the end: it ends the run and waits, and what was queued is dropped.
TEST(background_run_ends_with_its_owner) {
  const uint64_t before = BackgroundRun::with_buffers();
  Random random(2);
  for (int round = 0; round < 60; ++round) {
    Owner owner;
    const auto run = owner.start(touches(1 + random.below(2000)), true, 1 + static_cast<uint32_t>(random.below(3)));
    for (uint64_t looks = random.below(2000); looks > 0; --looks) run->done();
    CHECK_EQ(BackgroundRun::with_buffers(), before + 1);
    if (round % 2 == 0) {
      run->finish();
      owner.check();
      run->drop_buffers();
    }
  }
  CHECK_EQ(BackgroundRun::with_buffers(), before);
}

// As in two environments of one process.
TEST(background_run_beside_another) {
  const uint64_t before = BackgroundRun::with_buffers();
  std::vector<std::thread> scripts;
  for (uint64_t purpose = 3; purpose < 5; ++purpose) {
    scripts.emplace_back([purpose] {
      Random random(purpose);
      Owner owner;
      tell_runs(owner, random, 25);
    });
  }
  for (std::thread& script : scripts) script.join();
  CHECK_EQ(BackgroundRun::with_buffers(), before);
}

}  // namespace
}  // namespace gmem
