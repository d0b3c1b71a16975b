/** Fields of a form, read off a schema, and values in a payload by where they stand. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { fieldsOf, readField, valueAt, withValue, writtenField } from '../../doors/web/src/payload/fields.ts';
import { payloadSchemaOf } from '../../runtime/payload-schema.ts';

test('each kind of field has its control', () => {
  const schema = payloadSchemaOf(
    z.object({
      name: z.string().describe('Who.'),
      crf: z.number().int().min(0).max(63).optional(),
      rate: z
        .union([z.number(), z.string()])
        .optional()
        .meta({ examples: ['2.5M'] }),
      mode: z.enum(['a', 'b']).default('a'),
      fast: z.boolean().optional(),
      args: z.array(z.string()).optional(),
      codes: z.array(z.number()).optional(),
      any: z.unknown().optional(),
      film: z.object({ title: z.string() }),
    }),
  );
  const fields = fieldsOf(schema ?? {}) ?? expect.unreachable();
  expect(fields.map(({ name, isRequired, kind }) => [name, isRequired, kind.of])).toEqual([
    ['name', true, 'text'],
    ['crf', false, 'number'],
    ['rate', false, 'either'],
    ['mode', false, 'choice'],
    ['fast', false, 'flag'],
    ['args', false, 'list'],
    ['codes', false, 'numbers'],
    ['any', false, 'json'],
    ['film', true, 'group'],
  ]);
  expect(fields[1]?.kind).toEqual({ of: 'number', isWhole: true, least: 0, most: 63 });
  expect(fields[2]?.examples).toEqual(['2.5M']);
  expect(fields[3]).toMatchObject({ usual: 'a', kind: { values: ['a', 'b'] } });
  expect(fields[8]?.kind).toMatchObject({ fields: [{ path: ['film', 'title'] }] });
  expect(fieldsOf({ type: 'string' })).toBeUndefined();
});

test('what is set is read again, and what is emptied leaves nothing behind', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  fc.assert(
    fc.property(fc.array(key, { minLength: 1, maxLength: 3 }), fc.jsonValue(), fc.integer(), (path, payload, value) => {
      const set = withValue(payload, path, value);
      expect(valueAt(set, path)).toBe(value);
      expect(valueAt(withValue(set, path, undefined), path)).toBeUndefined();
    }),
  );
  expect(withValue(withValue({ z: 1 }, ['a', 'b'], 2), ['a', 'b'], undefined)).toEqual({ z: 1 });
  expect(Object.keys(withValue({ a: 1, b: 2 }, ['a'], 3))).toEqual(['a', 'b']);
});

test('what somebody writes is a value of its kind, and is shown as it was written', () => {
  const number = { of: 'number', isWhole: true } as const;
  expect([readField(number, ' 7 '), readField(number, 'many'), readField(number, '')]).toEqual([7, 'many', undefined]);
  expect([readField({ of: 'either' }, '2500'), readField({ of: 'either' }, '2.5M')]).toEqual([2_500, '2.5M']);
  expect([readField({ of: 'flag' }, 'true'), readField({ of: 'flag' }, 'false')]).toEqual([true, false]);
  expect([readField({ of: 'list' }, '-v\n\nquiet'), readField({ of: 'numbers' }, '1\n2')]).toEqual([
    ['-v', 'quiet'],
    [1, 2],
  ]);
  expect([writtenField({ of: 'list' }, ['a', 'b']), writtenField({ of: 'flag' }, false)]).toEqual(['a\nb', 'false']);
  expect([writtenField({ of: 'text' }, 'x'), writtenField({ of: 'json' }, { a: 1 })]).toEqual(['x', '{"a":1}']);
});
