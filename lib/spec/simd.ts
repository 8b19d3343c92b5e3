/**
 * Instruction sets that the native engine's scans are written for, narrowest first. `portable` is plain C++ and always there;
 * `avx512` means AVX-512 F, BW and VPOPCNTDQ.
 */
import { frozen } from './frozen.js';

export const SIMD_PATHS = ['portable', 'avx2', 'avx512'] as const;
export type SimdPath = (typeof SIMD_PATHS)[number];

/** What a user may ask for: the widest that the CPU has, or one of them. */
export const SIMD_CHOICES = frozen(['auto', ...SIMD_PATHS] as const);
export type SimdChoice = (typeof SIMD_CHOICES)[number];
