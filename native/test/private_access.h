// Reaches a private data member without a word in the class that has it: an explicit instantiation may name private
// members ([temp.spec.general]). For tests that damage a state on purpose; nothing else includes this.
//
//   GMEM_EXPOSE(HostPages, Engine, host_pages_);  // in namespace gmem
//   engine.*private_member(HostPages{}) += 1;
#pragma once

namespace gmem {

template <class Tag, auto Member>
struct Expose {
  friend constexpr auto private_member(Tag) { return Member; }
};

}  // namespace gmem

#define GMEM_EXPOSE(Tag, Class, member)        \
  struct Tag {                                 \
    friend constexpr auto private_member(Tag); \
  };                                           \
  template struct ::gmem::Expose<Tag, &Class::member>
