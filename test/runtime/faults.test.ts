/** Sentences of faults, whatever they quote. */

import { expect, test } from 'vitest';
import { abridged, Fault, messageOf, wrongField, wrongFieldsIn } from '../../runtime/faults.ts';

test('a sentence that quotes something huge keeps its beginning and what to do at its end', () => {
  const { message } = new Fault('input.invalid', `Expected a word, got \`${'x'.repeat(900_000)}\`. Send less.`);
  expect(message).toMatch(/^Expected a word, got `x+…x+`\. Send less\.$/);
  expect(message.length).toBeLessThanOrEqual(2_000);
  expect(messageOf(new Error('y'.repeat(9_000)))).toHaveLength(1_999);
  expect(abridged('short')).toBe('short');
  const [field] = wrongFieldsIn(wrongField(`/${'p'.repeat(9_000)}`, 'm'.repeat(9_000)));
  expect([field?.path.length, field?.message.length]).toEqual([1_999, 1_999]);
});
