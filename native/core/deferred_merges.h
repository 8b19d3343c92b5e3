// Huge ranges that wait to be merged (knob `merge: deferred`, docs/semantics-tdx.md section 25).
//
// Stored: for each range of a file (by its serial, so that a range outlives its file) the number of the op after which
// it is tried. Always: a range waits once; ranges are in the order they were put, and their ops never decrease.
#pragma once

#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <utility>

namespace gmem {

class DeferredMerges {
 public:
  struct Entry {
    uint64_t file = 0;   // serial
    uint64_t range = 0;  // number of the huge range in the file
    uint64_t due = 0;    // number of the op
  };

  using Place = std::list<Entry>::const_iterator;

  // The range is due at `due`, and only then, behind all that wait. REQUIRES: nothing waits for a later op.
  void put(uint64_t file, uint64_t range, uint64_t due) {
    take_out(file, range);
    waiting_.push_back({file, range, due});
    places_.emplace(Key{file, range}, std::prev(waiting_.end()));
  }
  // The range waits no more.
  void take_out(uint64_t file, uint64_t range) {
    const auto place = places_.find({file, range});
    if (place == places_.end()) return;
    waiting_.erase(place->second);
    places_.erase(place);
  }
  // Takes out the first range that is due at op `now` or before. False when there is none.
  bool take_due(uint64_t now, Entry& entry) {
    if (waiting_.empty() || waiting_.front().due > now) return false;
    entry = waiting_.front();
    places_.erase({entry.file, entry.range});
    waiting_.pop_front();
    return true;
  }
  // The range that was taken out last waits again, before all others.
  void put_back(const Entry& entry) {
    waiting_.push_front(entry);
    places_.emplace(Key{entry.file, entry.range}, waiting_.begin());
  }

  // Ops after `now` until the first range is due; very many when none waits.
  uint64_t ops_until_due(uint64_t now) const {
    if (waiting_.empty()) return uint64_t{1} << 62;
    return waiting_.front().due > now ? waiting_.front().due - now : 0;
  }

  const std::list<Entry>& waiting() const { return waiting_; }
  // What waits is in order, each range once and found where it is.
  bool consistent() const {
    uint64_t due = 0;
    for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
      const auto place = places_.find({it->file, it->range});
      if (it->due < due || place == places_.end() || place->second != it) return false;
      due = it->due;
    }
    return places_.size() == waiting_.size();
  }

 private:
  using Key = std::pair<uint64_t, uint64_t>;

  std::list<Entry> waiting_;
  std::map<Key, std::list<Entry>::iterator> places_;
};

}  // namespace gmem
