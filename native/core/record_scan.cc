#include "core/record_scan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace gmem {

namespace {

// Two doubles at once, by what compilers turn into vector instructions on every CPU of 64 bits.
using Pair [[gnu::vector_size(16)]] = double;
using PairBits [[gnu::vector_size(16)]] = int64_t;

// What a double of this size has no fraction from: it is whole then, or it is the same after a way there and back.
constexpr double kWhole = 0x1p52;
constexpr int64_t kSign = std::numeric_limits<int64_t>::min();

// Both are whole and between their bounds. NaN is not between anything.
inline bool whole_between(Pair value, Pair least, Pair most) {
  const Pair whole = {kWhole, kWhole};
  const PairBits sign = reinterpret_cast<PairBits>(value) & PairBits{kSign, kSign};
  const Pair way = reinterpret_cast<Pair>(reinterpret_cast<PairBits>(whole) | sign);
  const Pair size = reinterpret_cast<Pair>(reinterpret_cast<PairBits>(value) ^ sign);
  const PairBits all = (value >= least) & (value <= most) & (((value + way) - way == value) | (size >= whole));
  return (all[0] & all[1]) != 0;
}

// What a switch takes at most is a matter of which it is.
inline bool legal_switch(const spec::OpRecord& op) {
  if (static_cast<spec::OpKind>(op.kind) != spec::OpKind::kSet) return true;
  return op.arg < spec::kSwitches && op.extra <= spec::kSwitchMost[op.arg];
}

// What a record holds before its quantities.
struct Header {
  uint64_t words[2];
  bool operator==(const Header&) const = default;
};
static_assert(sizeof(Header) == offsetof(spec::OpRecord, address));

inline Header header_of(const spec::OpRecord& op) {
  Header header;
  std::memcpy(&header, &op, sizeof header);
  return header;
}

inline bool legal_header(const spec::OpRecord& op, const RecordRule& rule) {
  return (op.flags & ~rule.flags) == 0 && op.vcpu <= rule.vcpu_most && op.vm <= rule.vm_most &&
         op.gmem <= rule.gmem_most && op.arg <= rule.arg_most;
}

// The first of records[first, n) that is of another kind or not legal; those before it go into the survey. Most ops of
// a trace differ from the one before in nothing but their address: such a header is looked at once. What a run of them
// adds up to stays in registers.
template <bool kSurvey>
uint64_t end_of_kind(const spec::OpRecord* records, uint64_t first, uint64_t n, const RecordRules& rules,
                     RecordSurvey* survey) {
  const uint8_t kind = records[first].kind;
  const RecordRule& rule = rules.of[kind];
  const Pair least = {rule.address_least, rule.size_least};
  const Pair most = {rule.address_most, rule.size_most};
  const bool zero_extra = rule.extra_least <= 0 && rule.extra_most >= 0;
  const bool structural = rule.structural;
  const bool ranged = rule.ranged;
  const double reachable = rules.reachable_bytes;
  double lowest = kSurvey ? survey->lowest[kind] : 0;
  double highest = kSurvey ? survey->ends[kind] : 0;
  Header known{};
  uint64_t i = first;
  for (; i < n; ++i) {
    const spec::OpRecord& op = records[i];
    const Header header = header_of(op);
    const bool fresh = i == first || header != known;
    if (fresh && (op.kind != kind || !legal_header(op, rule))) break;
    if (!whole_between(Pair{op.address, op.size}, least, most)) break;
    if ((std::bit_cast<uint64_t>(op.extra) != 0 || !zero_extra) &&
        !(whole_between(Pair{op.extra, 0}, Pair{rule.extra_least, 0}, Pair{rule.extra_most, 0}) && legal_switch(op))) {
      break;
    }
    known = header;
    if constexpr (kSurvey) {
      if (fresh && rule.names_vm && op.vm < survey->vm_ids) survey->vms[op.vm] = 1;
      if (fresh && rule.names_gmem && op.gmem < survey->gmem_ids) survey->gmems[op.gmem] = 1;
      if (structural) survey->structural[survey->structural_count++] = static_cast<uint32_t>(i);
      const double end = op.address + std::max(op.size, 1.0);
      if (ranged && op.address >= 0 && op.size >= 0 && end <= reachable) {
        lowest = std::min(lowest, op.address);
        highest = std::max(highest, end);
      }
    }
  }
  if constexpr (kSurvey) {
    survey->counts[kind] += static_cast<double>(i - first);
    survey->lowest[kind] = lowest;
    survey->ends[kind] = highest;
  }
  return i;
}

template <bool kSurvey>
uint64_t scan(const spec::OpRecord* records, uint64_t n, const RecordRules& rules, RecordSurvey* survey) {
  for (uint64_t first = 0; first < n;) {
    if (records[first].kind >= spec::kOpKinds) return first;
    const uint64_t end = end_of_kind<kSurvey>(records, first, n, rules, survey);
    if (end == first) return first;
    first = end;
  }
  return n;
}

}  // namespace

uint64_t scan_records(const spec::OpRecord* records, uint64_t n, const RecordRules& rules, RecordSurvey* survey) {
  return survey != nullptr ? scan<true>(records, n, rules, survey) : scan<false>(records, n, rules, nullptr);
}

}  // namespace gmem
