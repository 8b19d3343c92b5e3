/**
 * Sections 14 and 17: hvo where the buddy allocator has no frames left for vmemmap.
 */
import { HUGE, PAGE } from '../run.js';
import { allocated, hvo, referred, touched, turned } from './designs.js';
import { boot, no, ok, type Rule } from './rule.js';

type Step = Rule['steps'][number];

/** A guest of four huge pages, the first two present, and `free` frames in the buddy allocator. */
const crowded = (free: number): Step[] => [
  ...boot(4 * HUGE),
  allocated(2 * HUGE),
  [{ op: 'pressure', order: 0, free, seed: 3 }, ok],
];

const toShared = (page: number, pages: number) =>
  ({ op: 'convert', gpa: page * PAGE, size: pages * PAGE, to: 'shared' }) as const;
const NOTHING_YET = { changed: 0, split: 0, merged: 0 };

export const vmemmap: readonly Rule[] = [
  {
    rule: 'hvo: explicit split without frames: ENOMEM with the offset, no failed split; the earlier folio stays split',
    policy: hvo,
    arch: 'snp',
    steps: [
      ...crowded(7),
      [{ op: 'split', offset: PAGE, size: 2 * HUGE - PAGE, order: 0 }, no('ENOMEM', { offset: HUGE })],
    ],
    counters: { splits_2m: 1, split_failed: 0, stranded_pages_end: 0 },
  },
  {
    rule: 'hvo: conversion without frames: all splits of a piece or none; gpa of the first folio that finds no frames',
    policy: hvo,
    arch: 'snp',
    steps: [
      ...crowded(13),
      [toShared(5, 1000), no('ENOMEM', { ...NOTHING_YET, gpa: HUGE })],
      turned(5, 1, 'shared', { split: 1 }),
      [toShared(512, 1), no('ENOMEM', { ...NOTHING_YET, gpa: HUGE })],
    ],
    counters: { splits_2m: 1, convert_eagain: 0, split_failed: 0, converted_pages: 1, stranded_pages_end: 6 },
  },
  {
    rule: 'hvo: the gpa of a conversion that finds no frames is never below the request',
    policy: hvo,
    arch: 'snp',
    steps: [...crowded(6), [toShared(5, 1), no('ENOMEM', { ...NOTHING_YET, gpa: 5 * PAGE })]],
    counters: { splits_2m: 0, converted_pages: 0 },
  },
  {
    rule: 'hvo: a conversion looks at references before frames',
    policy: hvo,
    arch: 'snp',
    steps: [
      ...crowded(0),
      referred(512, 1),
      [toShared(5, 1000), no('EAGAIN', { ...NOTHING_YET, gpa: HUGE })],
      [toShared(5, 1000), no('ENOMEM', { ...NOTHING_YET, gpa: 5 * PAGE })],
    ],
    counters: { convert_eagain: 1, split_failed: 1, splits_2m: 0 },
  },
  {
    rule: 'hvo: a new folio that would be split at once and finds no frames: ENOMEM without a trace',
    policy: hvo,
    arch: 'snp',
    steps: [
      ...crowded(6),
      turned(1024, 1, 'shared'),
      [{ op: 'fault', gpa: 1025 * PAGE, access: 'private' }, no('ENOMEM')],
      touched(1536),
    ],
    counters: { fallbacks: 0, folios_allocated_2m: 3, host_pages_peak: 1536, pages_cleared: 512 },
  },
  {
    rule: 'hvo: poison of a page whose folio finds no frames to be split: the whole folio, no failed split',
    policy: { ...hvo, poison: 'page' },
    arch: 'snp',
    steps: [
      ...crowded(6),
      [{ op: 'poison', offset: 0 }, ok],
      [{ op: 'fault', gpa: 511 * PAGE, access: 'private' }, no('EHWPOISON', { exit: 'memory-fault' })],
    ],
    counters: { split_failed: 0, splits_2m: 0 },
  },
  {
    rule: 'hvo: merging gives the frames back',
    policy: { ...hvo, merge: 'eager' },
    arch: 'snp',
    steps: [
      ...crowded(7),
      turned(5, 1, 'shared', { split: 1 }),
      [toShared(512, 1), no('ENOMEM', { ...NOTHING_YET, gpa: HUGE })],
      turned(5, 1, 'private', { merged: 1 }),
      turned(512, 1, 'shared', { split: 1 }),
    ],
    counters: { splits_2m: 2, merges_2m: 1, stranded_pages_end: 0 },
  },
];
