#include "addon/records.h"

#include <cstdint>
#include <limits>

#include "addon/arguments.h"
#include "core/crc32.h"
#include "core/record_scan.h"

namespace gmem::addon {

namespace {

using Doubles = View<double>;

// Numbers a row of the rules has, in the order of `rule_from`; behind the rows is the reach of guest memory.
constexpr size_t kRuleNumbers = 15;
constexpr size_t kRulesNumbers = spec::kOpKinds * kRuleNumbers + 1;
// Counts, lowest addresses and ends by kind, then the number of structural records.
constexpr size_t kSurveyNumbers = 3 * spec::kOpKinds + 1;

template <class Integer>
Integer integer_from(double value) {
  constexpr auto kMost = static_cast<double>(std::numeric_limits<Integer>::max());
  return value >= 0 && value <= kMost ? static_cast<Integer>(value) : 0;
}

RecordRule rule_from(const double* row) {
  RecordRule rule;
  rule.address_least = row[0];
  rule.address_most = row[1];
  rule.size_least = row[2];
  rule.size_most = row[3];
  rule.extra_least = row[4];
  rule.extra_most = row[5];
  rule.vm_most = integer_from<uint32_t>(row[6]);
  rule.gmem_most = integer_from<uint32_t>(row[7]);
  rule.arg_most = integer_from<uint32_t>(row[8]);
  rule.vcpu_most = integer_from<uint16_t>(row[9]);
  rule.flags = integer_from<uint8_t>(row[10]);
  rule.names_vm = row[11] != 0;
  rule.names_gmem = row[12] != 0;
  rule.ranged = row[13] != 0;
  rule.structural = row[14] != 0;
  return rule;
}

RecordRules rules_from(Napi::Env env, const Doubles& numbers) {
  if (numbers.length != kRulesNumbers) refuse(env, "rules of another length");
  RecordRules rules;
  for (size_t kind = 0; kind < spec::kOpKinds; ++kind) {
    rules.of[kind] = rule_from(numbers.data + kind * kRuleNumbers);
  }
  rules.reachable_bytes = numbers.data[kRulesNumbers - 1];
  return rules;
}

// checksum(bytes: Uint8Array, seed): CRC-32
Napi::Value checksum(const Napi::CallbackInfo& info) {
  const auto bytes = array_at<Napi::Uint8Array>(info, 0, napi_uint8_array);
  return Napi::Number::New(info.Env(), crc32(bytes.data, bytes.length, id_at(info, 1)));
}

// checkRecords(records: Uint8Array, count, rules: Float64Array): number of the first that is not legal, or count
Napi::Value check_records(const Napi::CallbackInfo& info) {
  const auto count = count_at(info, 1);
  const auto* records = records_at<const spec::OpRecord>(info, 0, 0, count);
  const RecordRules rules = rules_from(info.Env(), array_at<Napi::Float64Array>(info, 2, napi_float64_array));
  return Napi::Number::New(info.Env(), static_cast<double>(scan_records(records, count, rules, nullptr)));
}

// surveyRecords(records: Uint8Array, count, rules: Float64Array, survey: Float64Array, vms: Uint8Array, gmems:
// Uint8Array, structural: Uint32Array): as checkRecords. Adds to the survey; its last number becomes that of
// `structural`.
Napi::Value survey_records(const Napi::CallbackInfo& info) {
  const auto count = count_at(info, 1);
  const auto* records = records_at<const spec::OpRecord>(info, 0, 0, count);
  const RecordRules rules = rules_from(info.Env(), array_at<Napi::Float64Array>(info, 2, napi_float64_array));
  const auto numbers = array_at<Napi::Float64Array>(info, 3, napi_float64_array);
  if (numbers.length != kSurveyNumbers) refuse(info.Env(), "survey of another length");
  const auto vms = array_at<Napi::Uint8Array>(info, 4, napi_uint8_array);
  const auto gmems = array_at<Napi::Uint8Array>(info, 5, napi_uint8_array);
  const auto structural = array_at<Napi::Uint32Array>(info, 6, napi_uint32_array);
  if (structural.length < count) refuse(info.Env(), "array of positions too short");
  double* const counts = numbers.data;
  RecordSurvey survey{.counts = counts,
                      .lowest = counts + spec::kOpKinds,
                      .ends = counts + 2 * spec::kOpKinds,
                      .vms = vms.data,
                      .vm_ids = vms.length,
                      .gmems = gmems.data,
                      .gmem_ids = gmems.length,
                      .structural = structural.data,
                      .structural_count = 0};
  const uint64_t first_bad = scan_records(records, count, rules, &survey);
  counts[kSurveyNumbers - 1] = static_cast<double>(survey.structural_count);
  return Napi::Number::New(info.Env(), static_cast<double>(first_bad));
}

}  // namespace

void register_records(Napi::Env env, Napi::Object exports) {
  exports.Set("checksum", Napi::Function::New(env, checksum, "checksum"));
  exports.Set("checkRecords", Napi::Function::New(env, check_records, "checkRecords"));
  exports.Set("surveyRecords", Napi::Function::New(env, survey_records, "surveyRecords"));
}

}  // namespace gmem::addon
