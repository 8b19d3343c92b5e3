// Goes through many op records at once: which is the first that no encoder makes, and what the stream is made of. What
// is legal comes from lib/ops/record-check.ts, row by row; lib/ops/survey.ts says what a survey holds, and does the
// same in JavaScript.
#pragma once

#include <cstdint>

#include "spec.gen.h"

namespace gmem {

// What is legal for the ops of one kind. Integer fields are legal from 0.
struct RecordRule {
  double address_least = 0, address_most = 0;
  double size_least = 0, size_most = 0;
  double extra_least = 0, extra_most = 0;
  uint32_t vm_most = 0, gmem_most = 0, arg_most = 0;
  uint16_t vcpu_most = 0;
  uint8_t flags = 0;
  // Has the key vm, gmem; names a range of guest memory or of a file; makes or unmakes an object.
  bool names_vm = false, names_gmem = false, ranged = false, structural = false;
};

struct RecordRules {
  RecordRule of[spec::kOpKinds];
  // Ranges that end beyond are no guest memory.
  double reachable_bytes = 0;
};

// Where a survey is added up; arrays by kind have spec::kOpKinds elements.
struct RecordSurvey {
  double* counts;
  double* lowest;
  double* ends;
  uint8_t* vms;
  uint64_t vm_ids;
  uint8_t* gmems;
  uint64_t gmem_ids;
  // Positions of the structural records, and how many. REQUIRES: room for all records.
  uint32_t* structural;
  uint64_t structural_count;
};

// Number of the first record that is not legal, n when all are. Those before it are in the survey, where there is one.
uint64_t scan_records(const spec::OpRecord* records, uint64_t n, const RecordRules& rules, RecordSurvey* survey);

}  // namespace gmem
