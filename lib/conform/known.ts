/**
 * What a real kernel lets userspace know of an outcome, and whether another engine's outcome says the same.
 *
 * Frames, folio orders, and what a punch freed are the kernel's own business; errnos, exits, bytes and how far an access
 * came are not.
 */
import type { Outcome } from '../ops/outcomes.js';

/** The comparable part of an outcome. */
export interface KnownAnswer {
  readonly ok: boolean;
  readonly errno?: string;
  readonly exit?: string;
  readonly mmio?: true;
  readonly done?: number;
  readonly byte?: number;
  readonly mixed?: boolean;
}

const KEYS = ['ok', 'errno', 'exit', 'mmio', 'done', 'byte', 'mixed'] as const;

export function knownPart(outcome: Outcome): KnownAnswer {
  return Object.fromEntries(
    KEYS.filter((key) => outcome[key] !== undefined).map((key) => [key, outcome[key]]),
  ) as unknown as KnownAnswer;
}

/**
 * The kernel was not asked, or could not: no such facility (EOPNOTSUPP), or more memory than the kvm engine may take
 * (ENOMEM). Neither says anything about a model, which then must not run the op either.
 */
export function isUnanswered(answer: KnownAnswer): boolean {
  return answer.errno === 'EOPNOTSUPP' || answer.errno === 'ENOMEM';
}

export function sameAnswer(a: KnownAnswer, b: KnownAnswer): boolean {
  return KEYS.every((key) => a[key] === b[key]);
}
