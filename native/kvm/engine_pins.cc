// pin and unpin: references a device would hold, through the mapping that shows a page to the host.
#include <cerrno>

#include "kvm/answer.h"
#include "kvm/engine.h"

namespace gmem::kvm {
namespace {

using spec::OpRecord;
using spec::OutcomeRecord;

constexpr int64_t kPage = static_cast<int64_t>(spec::kPageBytes);

static_assert(spec::kPinDone == spec::kUnpinDone);

bool valid_range(int64_t offset, int64_t size) {
  return offset >= 0 && size > 0 && offset % kPage == 0 && size % kPage == 0;
}

OutcomeRecord pages_answer(int error, uint64_t done) {
  OutcomeRecord out = answer(error);
  set_value(out, spec::kPinDone, static_cast<double>(done));
  return out;
}

}  // namespace

int Engine::pin_page(GmemFile& of, uint64_t index) {
  const uint64_t offset = index * spec::kPageBytes;
  uint32_t number;
  if (of.mappable()) {
    const bool there = offset < static_cast<uint64_t>(of.size) && (of.flags & spec::kCreateFlagInitShared) != 0;
    if (there && !charge(of.resident, offset, offset + spec::kPageBytes)) return ENOMEM;
    const Mapping page = Mapping::shared(of.fd.get(), spec::kPageBytes, offset);
    if (!page) return errno;
    if (const int error = pins_.pin(page.get(), number); error != 0) return error;
  } else {
    Slot* const slot = slot_of_index(of, offset);
    if (slot == nullptr) return EFAULT;
    if (!charge(of.copy_resident, offset, offset + spec::kPageBytes)) return ENOMEM;
    if (const int error = pins_.pin(slot->user.get() + (offset - slot->offset), number); error != 0) return error;
  }
  of.pins[index].push_back(number);
  return 0;
}

bool Engine::unpin_page(GmemFile& of, uint64_t index, Which which) {
  const auto at = of.pins.find(index);
  if (at == of.pins.end()) return false;
  std::deque<uint32_t>& numbers = at->second;
  if (which == Which::kOldest) {
    pins_.unpin(numbers.front());
    numbers.pop_front();
  } else {
    pins_.unpin(numbers.back());
    numbers.pop_back();
  }
  if (numbers.empty()) of.pins.erase(at);
  return true;
}

Slot* Engine::slot_of_index(const GmemFile& of, uint64_t offset) {
  const auto it = machines_.find(of.vm);
  return it == machines_.end() ? nullptr : it->second->slot_of(of, offset);
}

OutcomeRecord Engine::pin(const OpRecord& op) {
  const auto it = files_.find(op.gmem);
  if (it == files_.end()) return answer(EBADF);
  const int64_t offset = quantity(op.address);
  const int64_t size = quantity(op.size);
  if (!valid_range(offset, size)) return answer(EINVAL);
  const bool speculative = (op.flags & spec::kFlagSpeculative) != 0;
  GmemFile& of = *it->second;
  // The slots of a VM that is gone are out of reach, and the copies they showed with them.
  const bool out_of_reach = !of.mappable() && destroyed_.contains(of.vm);
  if (speculative || out_of_reach || !pins_.is_open()) return answer(EOPNOTSUPP);
  const auto first = static_cast<uint64_t>(offset / kPage);
  const uint64_t pages = static_cast<uint64_t>(size / kPage);
  for (uint64_t i = 0; i < pages; ++i) {
    const int error = pin_page(of, first + i);
    // What only this machine has too little of leaves nothing half done.
    while (error == ENOMEM && i > 0) unpin_page(of, first + --i, Which::kNewest);
    if (of.pins.empty()) pinned_.erase(it->second);
    if (error != 0) return pages_answer(error, i);
    pinned_.insert(it->second);
  }
  return answer(0);
}

OutcomeRecord Engine::unpin(const OpRecord& op) {
  // The open file of that id, or the last one there was while it is pinned.
  const auto last = latest_.find(op.gmem);
  const std::shared_ptr<GmemFile> of = last == latest_.end() ? nullptr : last->second.lock();
  if (of == nullptr || (!of->fd && of->pins.empty())) return answer(EBADF);
  const int64_t offset = quantity(op.address);
  const int64_t size = quantity(op.size);
  if (!valid_range(offset, size)) return answer(EINVAL);
  if ((op.flags & spec::kFlagSpeculative) != 0 || !pins_.is_open()) return answer(EOPNOTSUPP);
  const auto first = static_cast<uint64_t>(offset / kPage);
  const uint64_t pages = static_cast<uint64_t>(size / kPage);
  uint64_t done = 0;
  for (; done < pages; ++done) {
    if (!unpin_page(*of, first + done, Which::kOldest)) break;
  }
  if (of->pins.empty()) pinned_.erase(of);
  return done == pages ? answer(0) : pages_answer(EINVAL, done);
}

}  // namespace gmem::kvm
