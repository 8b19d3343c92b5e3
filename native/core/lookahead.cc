#include "core/lookahead.h"

#include "core/quantity.h"

namespace gmem {

namespace {
// A page of the op's VM is what the op is about.
bool names_page(const spec::OpRecord& op) {
  using spec::OpKind;
  const auto kind = static_cast<OpKind>(op.kind);
  return kind == OpKind::kFault || kind == OpKind::kTouch || kind == OpKind::kConvert;
}
}  // namespace

[[gnu::always_inline]] inline void Lookahead::begin(uint64_t at, const spec::OpRecord& op) {
  const Vm* vm = names_page(op) && op.vm < vms_.size() ? vms_[op.vm].get() : nullptr;
  if (vm == nullptr) return;
  const Gfn gfn{static_cast<uint64_t>(quantity(op.address)) >> kPageShift};
  const Slot* slot = lane_.met(*vm, gfn);
  if (slot == nullptr) return;
  const Index index = slot->index_of(gfn);
  const File& file = *slot->file;
  if (file.changed_kinds) {
    file.changed_kinds->prefetch(index.block());
  } else {
    slot->kinds.prefetch(gfn.block());
  }
  file.pages.prefetch_word(index.block());
  coming_[at % kRing] = {&file.pages, index, at};
  busy_until_ = at + kPfnStage + 1;
}

[[gnu::no_sanitize("thread")]] void Lookahead::stages(uint64_t at, const spec::OpRecord* begun) {
  if (begun != nullptr) begin(at, *begun);
  if (at < kPfnStage) return;
  const Coming& line = coming_[(at - kLineStage) % kRing];
  if (line.at == at - kLineStage) line.pages->prefetch_line(line.index);
  const Coming& pfn = coming_[(at - kPfnStage) % kRing];
  if (pfn.at == at - kPfnStage) pfn.pages->prefetch_pfn(pfn.index);
}

}  // namespace gmem
