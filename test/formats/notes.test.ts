/** Annotations beside a stream: what goes in comes out, by position and in order, and equal ones are stored once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NoteList, type Notes } from '../../lib/ops/notes.js';

test('a list holds what a map would, and goes through it in ascending order', () => {
  const list = new NoteList();
  const map = new Map<number, Notes>();
  const kinds: Notes[] = [
    { derived: true },
    { derived: false },
    { source: 'kvm_page_fault' },
    { note: 'kvm_page_fault' },
    { derived: true, source: 'null', note: '\ud800' },
  ];
  for (const [i, op] of [7, 0, 5000, 7, 12, 999_999, 3, 5000].entries()) {
    const notes = kinds[i % kinds.length] as Notes;
    list.set(op, notes);
    map.set(op, notes);
  }
  assert.equal(list.size, map.size);
  assert.deepEqual(
    [...list],
    [...map].sort(([a], [b]) => a - b),
  );
  for (const op of [...map.keys(), 1, 8, 2 ** 31]) assert.deepEqual(list.get(op), map.get(op));
  list.clear();
  assert.deepEqual([list.size, [...list], list.get(7)], [0, [], undefined]);
});

test('equal annotations are one object, which no one can change', () => {
  const list = new NoteList();
  const mine = { derived: true, source: 'a' };
  list.set(0, mine);
  list.set(1, { note: 'between' });
  list.set(2, { derived: true, source: 'a' });
  mine.source = 'changed';
  assert.equal(list.get(0), list.get(2));
  assert.deepEqual(list.get(0), { derived: true, source: 'a' });
  assert.throws(() => Object.assign(list.get(0) as object, { source: 'b' }), TypeError);
});
