#include "core/record_scan.h"

#include <algorithm>

namespace gmem {

namespace {

// NaN is not between anything. Quantities are safe integers, so the conversion is exact.
inline bool whole_between(double value, double least, double most) {
  return value >= least && value <= most && static_cast<double>(static_cast<int64_t>(value)) == value;
}

inline bool legal(const spec::OpRecord& op, const RecordRule& rule) {
  return (op.flags & ~rule.flags) == 0 && op.vcpu <= rule.vcpu_most && op.vm <= rule.vm_most &&
         op.gmem <= rule.gmem_most && op.arg <= rule.arg_most &&
         whole_between(op.address, rule.address_least, rule.address_most) &&
         whole_between(op.size, rule.size_least, rule.size_most) &&
         whole_between(op.extra, rule.extra_least, rule.extra_most);
}

inline void note(const spec::OpRecord& op, uint64_t i, const RecordRules& rules, RecordSurvey& survey) {
  const RecordRule& rule = rules.of[op.kind];
  survey.counts[op.kind] += 1;
  if (rule.names_vm && op.vm < survey.vm_ids) survey.vms[op.vm] = 1;
  if (rule.names_gmem && op.gmem < survey.gmem_ids) survey.gmems[op.gmem] = 1;
  if (rule.structural) survey.structural[survey.structural_count++] = static_cast<uint32_t>(i);
  if (!rule.ranged || op.address < 0 || op.size < 0) return;
  const double end = op.address + std::max(op.size, 1.0);
  if (end > rules.reachable_bytes) return;
  survey.lowest[op.kind] = std::min(survey.lowest[op.kind], op.address);
  survey.ends[op.kind] = std::max(survey.ends[op.kind], end);
}

}  // namespace

uint64_t scan_records(const spec::OpRecord* records, uint64_t n, const RecordRules& rules, RecordSurvey* survey) {
  for (uint64_t i = 0; i < n; ++i) {
    const spec::OpRecord& op = records[i];
    if (op.kind >= spec::kOpKinds || !legal(op, rules.of[op.kind])) return i;
    if (survey != nullptr) note(op, i, rules, *survey);
  }
  return n;
}

}  // namespace gmem
