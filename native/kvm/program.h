// The guest's programs, x86-64 machine code, run at CPL 3. On entry: rdi the guest-virtual address, rcx how many
// (bytes, or pages for the touches), al the byte, rbx the address of the door. A program ends by storing al at the
// door, a page no slot covers: the store leaves the guest as an MMIO exit.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gmem::kvm {

enum class Action : uint8_t { kTouchRead, kTouchWrite, kFill, kCompare, kCrash };

// Offset of each program in the code page.
inline constexpr size_t kProgramStride = 64;
inline constexpr size_t kPrograms = 5;

inline constexpr uint8_t kProgramBytes[kPrograms][kProgramStride] = {
    // kTouchRead: one load a page.
    {
        0x8a, 0x07,                                // next: mov al, [rdi]
        0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00,  // add rdi, 4096
        0x48, 0xff, 0xc9,                          // dec rcx
        0x75, 0xf2,                                // jnz next
        0x88, 0x03,                                // mov [rbx], al
        0xeb, 0xfe,                                // jmp $
    },
    // kTouchWrite: one access a page that writes and changes nothing.
    {
        0xf0, 0x80, 0x0f, 0x00,                    // next: lock or byte [rdi], 0
        0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00,  // add rdi, 4096
        0x48, 0xff, 0xc9,                          // dec rcx
        0x75, 0xf0,                                // jnz next
        0x88, 0x03,                                // mov [rbx], al
        0xeb, 0xfe,                                // jmp $
    },
    // kFill
    {
        0xf3, 0xaa,  // rep stosb
        0x88, 0x03,  // mov [rbx], al
        0xeb, 0xfe,  // jmp $
    },
    // kCompare: al is the first byte, dl becomes 1 when another one differs; every byte is read.
    {
        0x8a, 0x07,        // mov al, [rdi]
        0x31, 0xd2,        // xor edx, edx
        0xf3, 0xae,        // next: repe scasb
        0x74, 0x07,        // je done
        0xb2, 0x01,        // mov dl, 1
        0x48, 0x85, 0xc9,  // test rcx, rcx
        0x75, 0xf5,        // jnz next
        0x88, 0x03,        // done: mov [rbx], al
        0xeb, 0xfe,        // jmp $
    },
    // kCrash: what user mode may not do, without a table to find a handler in: a triple fault.
    {
        0xf4,        // hlt
        0xeb, 0xfe,  // jmp $
    },
};

}  // namespace gmem::kvm
