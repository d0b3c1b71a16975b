/** What a payload may hold, as JSON Schema: of libraries that say it, and of those that do not. */

import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { payloadFields } from '../../doors/cli/payload-fields.ts';
import { shippedTypes } from '../../handlers/shipped.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { payloadSchemaOf } from '../../runtime/payload-schema.ts';

test('a schema says what comes in, not what the check makes of it', () => {
  const payload = z.object({
    size: z.union([z.number(), z.string()]).transform(Number),
    name: z.string().default('x'),
  });
  expect(payloadSchemaOf(payload)).toMatchObject({
    type: 'object',
    properties: { size: { type: ['number', 'string'] }, name: { type: 'string', default: 'x' } },
    required: ['size'],
  });
});

test('where nobody can say it, or it is too large, there is none', () => {
  const validate = () => ({ value: 1 });
  expect(payloadSchemaOf(undefined)).toBeUndefined();
  expect(payloadSchemaOf({ '~standard': { version: 1, vendor: 'own', validate } })).toBeUndefined();
  expect(payloadSchemaOf(z.object({ at: z.date() }))).toBeUndefined();
  expect(payloadSchemaOf(z.object({ a: z.string().describe('x'.repeat(40_000)) }))).toBeUndefined();
});

test.for(shippedTypes({ clock: new SystemClock() }))(
  '$type says each of its fields in words, as a schema that is one',
  ({ payload }) => {
    const schema = payloadSchemaOf(payload) ?? expect.unreachable();
    expect(new Ajv2020({ strict: false }).validateSchema(schema)).toBe(true);
    for (const { name, about } of payloadFields(schema)) expect(about, name).toMatch(/^[A-Z].*\.$/);
  },
);

test('fields are told in words', () => {
  const schema = payloadSchemaOf(
    z.object({
      crf: z.number().int().min(0).max(63).optional(),
      mode: z.enum(['a', 'b', 'c']),
      rate: z.union([z.number().min(1), z.string()]).describe('How fast.'),
      video: z.object({ codec: z.literal('h264'), tags: z.array(z.string()).optional() }),
      any: z.unknown().optional(),
    }),
  );
  expect(
    payloadFields(schema ?? {}).map(({ name, isRequired, takes, about }) => [name, isRequired, takes, about]),
  ).toEqual([
    ['crf', false, 'a whole number from 0 to 63', ''],
    ['mode', true, 'a, b or c', ''],
    ['rate', true, 'a number from 1 or text', 'How fast.'],
    ['video', true, 'an object', ''],
    ['video.codec', true, 'h264', ''],
    ['video.tags', false, 'a list: text', ''],
    ['any', false, 'JSON', ''],
  ]);
});
