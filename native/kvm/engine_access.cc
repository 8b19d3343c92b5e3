// Accesses: by the guest, through the file's mapping, through the slot's memory.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kvm/answer.h"
#include "kvm/engine.h"

namespace gmem::kvm {
namespace {

using spec::OpRecord;
using spec::OutcomeRecord;

constexpr uint64_t kPage = spec::kPageBytes;
// One mapping of a file at a time; longer accesses go window by window.
constexpr uint64_t kWindow = uint64_t{1} << 30;

static_assert(spec::kGuestReadByte == spec::kHostReadByte && spec::kGuestReadByte == spec::kVmmReadByte);
static_assert(spec::kGuestReadMixed == spec::kHostReadMixed && spec::kGuestReadMixed == spec::kVmmReadMixed);
static_assert(spec::kGuestReadDone == spec::kHostReadDone && spec::kGuestReadDone == spec::kVmmReadDone);
static_assert(spec::kGuestReadDone == spec::kGuestWriteDone && spec::kHostReadDone == spec::kHostWriteDone);

OutcomeRecord data_answer(int error, uint64_t done, bool write, const Sameness& seen) {
  OutcomeRecord out = answer(error);
  if (error != 0) {
    set_value(out, spec::kGuestReadDone, static_cast<double>(done));
  } else if (!write) {
    if (seen.mixed) {
      set_value(out, spec::kGuestReadMixed, 1);
    } else {
      set_value(out, spec::kGuestReadByte, seen.byte);
    }
  }
  return out;
}

}  // namespace

OutcomeRecord Engine::fault(const OpRecord& op) {
  int error;
  if (machine(op.vm, error) == nullptr) return answer(error);
  if ((op.flags & spec::kFlagPrivate) != 0 || (op.flags & spec::kFlagNoMap) != 0) return answer(EOPNOTSUPP);
  Outcome out = guest(op, (op.flags & spec::kFlagWrite) != 0 ? Action::kTouchWrite : Action::kTouchRead, 1);
  // Which frame it was is not for userspace to know.
  out.has = 0;
  std::memset(out.values, 0, sizeof out.values);
  return out;
}

OutcomeRecord Engine::guest(const OpRecord& op, Action action, uint64_t fixed_size) {
  int error;
  Machine* vm = machine(op.vm, error);
  if (vm == nullptr) return answer(error);
  const int64_t size = fixed_size != 0 ? static_cast<int64_t>(fixed_size) : quantity(op.size);
  if (size <= 0) return answer(EINVAL);
  const int64_t gpa = quantity(op.address);
  const int64_t limit = int64_t{1} << caps_.physical_bits;
  // No page table entry can name such an address.
  if (caps_.vcpu_errno != 0 || gpa < 0 || gpa >= limit) return answer(EOPNOTSUPP);
  const auto from = static_cast<uint64_t>(gpa);
  const bool beyond = size > limit - gpa;
  const auto end = static_cast<uint64_t>(beyond ? limit : gpa + size);
  // The guest gets no further than the first page without a slot, so it is not sent further.
  const uint64_t bound = vm->bound_end(from, end);
  const uint64_t bytes = std::min(end, bound / kPage * kPage + kPage) - from;
  const bool cut = beyond && bound == end;
  const bool touches = action == Action::kTouchRead || action == Action::kTouchWrite;
  const int done_at = touches ? spec::kTouchDone : spec::kGuestReadDone;
  if (!charge_slots(*vm, from, bytes)) {
    Outcome out = answer(ENOMEM);
    set_value(out, done_at, 0);
    return out;
  }
  const GuestAnswer got = vm->run(action, from, bytes, static_cast<uint8_t>(op.arg));
  if (got.completed()) {
    if (cut) return answer(EOPNOTSUPP);
    if (touches) return answer(0);
    return data_answer(0, 0, action == Action::kFill, {.any = true, .mixed = got.mixed, .byte = got.byte});
  }
  Outcome out = answer(got.errno_number);
  const auto exit = got.mmio ? spec::Exit::kMmio : got.memory_fault ? spec::Exit::kMemoryFault : spec::Exit::kNone;
  out.exit = static_cast<uint8_t>(exit);
  const uint64_t page = std::max(got.at / kPage * kPage, touches ? from / kPage * kPage : from);
  set_value(out, done_at, static_cast<double>(touches ? (page - from / kPage * kPage) / kPage : page - from));
  return out;
}

CopyResult Engine::host_access(GmemFile& of, uint64_t offset, uint64_t size, bool write, uint8_t byte, Sameness& seen) {
  CopyResult out;
  const uint64_t file_end = static_cast<uint64_t>(of.size);
  const bool shared = (of.flags & spec::kCreateFlagInitShared) != 0;
  if (shared && offset < file_end) {
    const uint64_t last = std::min(file_end, offset + size);
    if (!charge(of.resident, offset / kPage * kPage, (last + kPage - 1) / kPage * kPage)) {
      out.errno_number = ENOMEM;
      return out;
    }
  }
  while (out.done < size) {
    const uint64_t at = offset + out.done;
    const uint64_t start = at / kPage * kPage;
    const uint64_t bytes = std::min(size - out.done, kWindow - (at - start));
    const Mapping window = Mapping::shared(of.fd.get(), at - start + bytes, start);
    if (!window) {
      // No mapping of such a file: what an access to it would be.
      out.errno_number = errno == ENODEV ? EFAULT : errno;
      return out;
    }
    uint8_t* const address = window.get() + (at - start);
    const CopyResult part = write ? copy_.fill(address, bytes, byte) : copy_.read(address, bytes, seen);
    out.done += part.done;
    out.errno_number = part.errno_number;
    if (part.errno_number != 0) return out;
  }
  return out;
}

OutcomeRecord Engine::host(const OpRecord& op, bool write) {
  GmemFile* const of = file(op.gmem);
  if (of == nullptr) return answer(EBADF);
  const int64_t size = quantity(op.size);
  if (size <= 0) return answer(EINVAL);
  Sameness seen;
  const int64_t offset = quantity(op.address);
  if (offset < 0) return of->mappable() ? data_answer(EFAULT, 0, write, seen) : answer(EFAULT);
  const CopyResult got = host_access(*of, static_cast<uint64_t>(offset), static_cast<uint64_t>(size), write,
                                     static_cast<uint8_t>(op.arg), seen);
  if (got.errno_number != 0 && !of->mappable()) return answer(got.errno_number);
  return data_answer(got.errno_number, got.done, write, seen);
}

CopyResult Engine::vmm_page(Slot& slot, uint64_t gpa, uint64_t size, bool write, uint8_t byte, Sameness& seen) {
  CopyResult out;
  GmemFile& of = *slot.file;
  const uint64_t offset = slot.file_offset(gpa);
  if (of.mappable()) {
    if (of.fd) return host_access(of, offset, size, write, byte, seen);
    out.errno_number = EFAULT;
    return out;
  }
  if (!charge(of.copy_resident, offset / kPage * kPage, (offset + size + kPage - 1) / kPage * kPage)) {
    out.errno_number = ENOMEM;
    return out;
  }
  uint8_t* const address = slot.user.get() + (gpa - slot.gpa);
  return write ? copy_.fill(address, size, byte) : copy_.read(address, size, seen);
}

OutcomeRecord Engine::vmm(const OpRecord& op, bool write) {
  int error;
  Machine* vm = machine(op.vm, error);
  if (vm == nullptr) return answer(error);
  const int64_t size = quantity(op.size);
  if (size <= 0) return answer(EINVAL);
  const int64_t gpa = quantity(op.address);
  Sameness seen;
  uint64_t done = 0;
  if (gpa >= 0 && !charge_slots(*vm, static_cast<uint64_t>(gpa), static_cast<uint64_t>(size))) {
    return data_answer(ENOMEM, 0, write, seen);
  }
  while (done < static_cast<uint64_t>(size)) {
    const int64_t at = gpa + static_cast<int64_t>(done);
    Slot* const slot = at < 0 ? nullptr : vm->slot_at(static_cast<uint64_t>(at));
    if (slot == nullptr) return data_answer(EFAULT, done, write, seen);
    const uint64_t bytes = std::min(static_cast<uint64_t>(size) - done, slot->end() - static_cast<uint64_t>(at));
    const CopyResult got = vmm_page(*slot, static_cast<uint64_t>(at), bytes, write, static_cast<uint8_t>(op.arg), seen);
    done += got.done;
    if (got.errno_number != 0) return data_answer(got.errno_number, done, write, seen);
  }
  return data_answer(0, done, write, seen);
}

}  // namespace gmem::kvm
