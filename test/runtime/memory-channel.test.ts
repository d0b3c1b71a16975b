import fc from 'fast-check';
import { expect, test } from 'vitest';
import { carried } from '../../runtime/memory/channel.ts';

/** All that an actor could send by mistake: what JSON has no word for too. */
const anything = fc.anything({ withDate: true, withMap: true, withSet: true, withTypedArray: true });

test('what is carried is what JSON would make of it', () =>
  fc.assert(
    fc.property(anything, (value) => {
      expect(carried({ value })).toEqual(JSON.parse(JSON.stringify({ value })));
      expect(JSON.stringify(carried({ value }))).toBe(JSON.stringify({ value }));
    }),
  ));

test('nobody who is handed what was carried can change it', () => {
  const lines = [{ text: 'one', tags: ['a'] }];
  const copy = carried(lines);
  expect(copy).not.toBe(lines);
  expect(() => copy[0]?.tags.push('b')).toThrow(TypeError);
  lines[0]?.tags.push('b');
  expect(copy).toEqual([{ text: 'one', tags: ['a'] }]);
});
