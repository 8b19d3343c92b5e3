#include "kvm/engine.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kvm/answer.h"

namespace gmem::kvm {
namespace {

using spec::OpKind;
using spec::OpRecord;
using spec::OutcomeRecord;

constexpr uint64_t kPage = spec::kPageBytes;
// What the kernel allocates at once for a slot: reverse maps and attributes, about 8 bytes a page.
constexpr uint64_t kSlotBytesPerByte = 512;

}  // namespace

bool Engine::open(uint64_t resident_limit_bytes) {
  limit_ = resident_limit_bytes;
  caps_ = probe(kvm_);
  if (caps_.missing != nullptr) return false;
  if (const int error = copy_.open(); error != 0) {
    caps_.missing = "memfd_create";
    caps_.errno_number = error;
    return false;
  }
  caps_.pin_errno = pins_.open();
  return true;
}

Machine* Engine::machine(uint32_t vm, int& error) {
  error = EBADF;
  if (destroyed_.contains(vm)) return nullptr;
  auto it = machines_.find(vm);
  if (it == machines_.end()) {
    auto made = std::make_unique<Machine>();
    error = made->open(kvm_.get(), caps_);
    if (error != 0) return nullptr;
    it = machines_.emplace(vm, std::move(made)).first;
  }
  error = 0;
  return it->second.get();
}

GmemFile* Engine::file(uint32_t gmem) const {
  const auto it = files_.find(gmem);
  return it == files_.end() ? nullptr : it->second.get();
}

uint64_t Engine::resident_total() const {
  uint64_t total = 0;
  for (const auto& weak : all_files_) {
    if (const auto held = weak.lock()) total += held->resident.total() + held->copy_resident.total();
  }
  for (const auto& [id, machine] : machines_) {
    for (const auto& [number, slot] : machine->slots()) total += slot.size / kSlotBytesPerByte;
  }
  return total;
}

bool Engine::charge(Intervals& resident, uint64_t start, uint64_t end) {
  const uint64_t more = resident.missing(start, end);
  if (more == 0) return true;
  if (resident_total() + more > limit_) {
    ++refused_by_limit_;
    return false;
  }
  resident.add(start, end);
  return true;
}

// The pages of every slot from `gpa` on, up to the first hole or closed file: no access gets further.
bool Engine::charge_slots(Machine& machine, uint64_t gpa, uint64_t size) {
  const uint64_t end = gpa + size;
  for (uint64_t at = gpa; at < end;) {
    const Slot* slot = machine.slot_at(at);
    if (slot == nullptr) return true;
    const uint64_t to = std::min(end, slot->end());
    if (slot->file->mappable() && !slot->file->fd) return true;
    const uint64_t first = slot->file_offset(at) / kPage * kPage;
    const uint64_t last = (slot->file_offset(to - 1) / kPage + 1) * kPage;
    Intervals& resident = slot->file->mappable() ? slot->file->resident : slot->file->copy_resident;
    if (!charge(resident, first, last)) return false;
    at = to;
  }
  return true;
}

OutcomeRecord Engine::run(const OpRecord& op) {
  Outcome out;
  switch (static_cast<OpKind>(op.kind)) {
    case OpKind::kCreate:
      out = create(op);
      break;
    case OpKind::kBind:
      out = bind(op);
      break;
    case OpKind::kFallocate:
      out = fallocate(op, false);
      break;
    case OpKind::kPunch:
      out = fallocate(op, true);
      break;
    case OpKind::kFault:
      out = fault(op);
      break;
    case OpKind::kTouch:
      out = guest(op, (op.flags & spec::kFlagWrite) != 0 ? Action::kTouchWrite : Action::kTouchRead, 0);
      break;
    case OpKind::kGuestWrite:
      out = guest(op, Action::kFill, 0);
      break;
    case OpKind::kGuestRead:
      out = guest(op, Action::kCompare, 0);
      break;
    case OpKind::kHostWrite:
      out = host(op, true);
      break;
    case OpKind::kHostRead:
      out = host(op, false);
      break;
    case OpKind::kVmmWrite:
      out = vmm(op, true);
      break;
    case OpKind::kVmmRead:
      out = vmm(op, false);
      break;
    case OpKind::kPin:
      out = pin(op);
      break;
    case OpKind::kUnpin:
      out = unpin(op);
      break;
    case OpKind::kClose:
      out = close(op);
      break;
    case OpKind::kDestroy:
      out = destroy(op);
      break;
    case OpKind::kSet:
      // No kernel lets itself be told that another processor is busy in the RMP.
      out = answer(op.arg == static_cast<uint32_t>(spec::Switch::kRmpBusy) ? EOPNOTSUPP : 0);
      break;
    default:
      out = answer(EOPNOTSUPP);
  }
  if (out.errno_number != 0) ++errors_[out.errno_number % kErrnos];
  return out;
}

int Engine::crash(uint32_t vm) {
  int error;
  Machine* const of = machine(vm, error);
  return of == nullptr ? error : of->run(Action::kCrash, 0, kPage, 0).errno_number;
}

OutcomeRecord Engine::create(const OpRecord& op) {
  int error;
  Machine* vm = machine(op.vm, error);
  if (vm == nullptr) return answer(error);
  if (files_.contains(op.gmem)) return answer(EEXIST);
  auto made = std::make_shared<GmemFile>();
  made->vm = op.vm;
  made->flags = static_cast<uint64_t>(quantity(op.extra));
  made->size = quantity(op.size);
  error = vm->create_file(static_cast<uint64_t>(made->size), made->flags, made->fd);
  if (error != 0) return answer(error);
  std::erase_if(all_files_, [](const auto& weak) { return weak.expired(); });
  all_files_.push_back(made);
  latest_[op.gmem] = made;
  files_[op.gmem] = std::move(made);
  return answer(0);
}

OutcomeRecord Engine::bind(const OpRecord& op) {
  int error;
  Machine* vm = machine(op.vm, error);
  if (vm == nullptr) return answer(error);
  const int64_t size = quantity(op.size);
  const auto it = files_.find(op.gmem);
  const std::shared_ptr<GmemFile> bound = it == files_.end() ? nullptr : it->second;
  // Only what the kernel might accept costs it memory.
  if (size > 0 && bound != nullptr && size <= bound->size &&
      resident_total() + static_cast<uint64_t>(size) / kSlotBytesPerByte > limit_) {
    ++refused_by_limit_;
    return answer(ENOMEM);
  }
  return answer(vm->bind(op.arg, quantity(op.address), size, quantity(op.extra), bound));
}

OutcomeRecord Engine::fallocate(const OpRecord& op, bool punch) {
  GmemFile* const of = file(op.gmem);
  if (of == nullptr) return answer(EBADF);
  const int64_t offset = quantity(op.address);
  const int64_t size = quantity(op.size);
  const bool inside = offset >= 0 && size > 0 && offset <= of->size && size <= of->size - offset;
  const bool aligned = offset % static_cast<int64_t>(kPage) == 0 && size % static_cast<int64_t>(kPage) == 0;
  const auto start = static_cast<uint64_t>(offset);
  const auto end = static_cast<uint64_t>(offset + size);
  if (!punch && inside && aligned && !charge(of->resident, start, end)) {
    Outcome out = answer(ENOMEM);
    set_value(out, spec::kFallocateDone, 0);
    return out;
  }
  const int mode = FALLOC_FL_KEEP_SIZE | (punch ? FALLOC_FL_PUNCH_HOLE : 0);
  int error;
  do {
    error = ::fallocate(of->fd.get(), mode, offset, size) == 0 ? 0 : errno;
  } while (error == EINTR);
  if (punch && error == 0 && offset >= 0 && size > 0) of->resident.remove(start, end);
  return answer(error);
}

OutcomeRecord Engine::close(const OpRecord& op) {
  const auto it = files_.find(op.gmem);
  if (it == files_.end()) return answer(EBADF);
  it->second->fd.reset();
  it->second->resident = {};
  files_.erase(it);
  return answer(0);
}

OutcomeRecord Engine::destroy(const OpRecord& op) {
  if (!destroyed_.insert(op.vm).second) return answer(EBADF);
  const auto it = machines_.find(op.vm);
  if (it == machines_.end()) return answer(0);
  past_runs_ += it->second->guest_runs();
  past_crashes_ += it->second->guest_crashes();
  machines_.erase(it);
  return answer(0);
}

int64_t Engine::file_size(uint32_t gmem) const {
  const GmemFile* const of = file(gmem);
  return of == nullptr ? -1 : of->size;
}

bool Engine::pages(uint32_t gmem, uint64_t first, uint64_t count, uint8_t* into) {
  GmemFile* const of = file(gmem);
  if (of == nullptr) return false;
  std::memset(into, 0, count);
  const uint64_t pages = static_cast<uint64_t>(of->size) / kPage;
  if (first >= pages || count == 0) return true;
  const uint64_t inside = std::min(count, pages - first);
  const uint64_t both = spec::kCreateFlagMmap | spec::kCreateFlagInitShared;
  if ((of->flags & both) == both) {
    const Mapping window = Mapping::shared(of->fd.get(), inside * kPage, first * kPage);
    std::vector<unsigned char> resident(inside);
    if (window && ::mincore(window.get(), inside * kPage, resident.data()) == 0) {
      for (uint64_t i = 0; i < inside; ++i) into[i] = resident[i] & 1;
    }
  }
  for (const auto& [id, machine] : machines_) {
    for (const auto& [number, slot] : machine->slots()) {
      if (slot.file.get() != of) continue;
      const uint64_t start = std::max(first, slot.offset / kPage);
      const uint64_t end = std::min(first + inside, (slot.offset + slot.size) / kPage);
      for (uint64_t i = start; i < end; ++i) into[i - first] |= 2;
    }
  }
  return true;
}

Figures Engine::figures() const {
  Figures out;
  out.vms = machines_.size();
  out.files = files_.size();
  out.guest_runs = past_runs_;
  out.guest_crashes = past_crashes_;
  for (const auto& [id, machine] : machines_) {
    out.slots += machine->slots().size();
    out.guest_runs += machine->guest_runs();
    out.guest_crashes += machine->guest_crashes();
  }
  out.resident_bytes_bound = resident_total();
  out.refused_by_limit = refused_by_limit_;
  return out;
}

std::vector<std::string> Engine::verify() const {
  std::vector<std::string> out;
  for (const auto& [id, of] : files_) {
    const std::string name = "gmem " + std::to_string(id);
    struct stat stat;
    if (::fstat(of->fd.get(), &stat) != 0) {
      out.push_back(name + ": fstat answers errno " + std::to_string(errno));
      continue;
    }
    if (stat.st_size != of->size) out.push_back(name + ": the kernel says another size than it was created with");
    if ((::fcntl(of->fd.get(), F_GETFD) & FD_CLOEXEC) == 0) out.push_back(name + ": not close-on-exec");
    if (of->resident.end() > static_cast<uint64_t>(of->size)) out.push_back(name + ": resident beyond its end");
  }
  for (const auto& [id, machine] : machines_) {
    for (const auto& [number, slot] : machine->slots()) {
      const std::string name = "vm " + std::to_string(id) + " slot " + std::to_string(number);
      if (slot.offset + slot.size > static_cast<uint64_t>(slot.file->size)) out.push_back(name + ": beyond its file");
      if (slot.file->vm != id) out.push_back(name + ": file of another VM");
    }
  }
  if (figures().guest_crashes != 0) out.push_back("a guest program ended in a way it should not");
  return out;
}

}  // namespace gmem::kvm
