/**
 * Submissions: each thing that may be said of a job with texts that mean something and texts that mean nothing.
 *
 * A good one can come to its end by itself: what may have to wait for ever expires after two seconds.
 */

import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Broken, Words } from './from-schema.ts';

/** Of everything that may be said, by its name in the schema. */
export const said: Readonly<Record<string, Words>> = {
  id: { good: [], wrong: ['_x', 'a b', 'ü', 'a.b', 'x'.repeat(65), '', {}, null, 'a/b'] },
  idempotencyKey: { good: [], wrong: ['', '   '] },
  unique: { good: ['type+payload', 'TYPE+PAYLOAD'], wrong: ['payload', '', 7, {}] },
  uniqueKey: { good: [], wrong: [''] },
  uniqueWhile: { good: ['waiting', 'open', 'kept'], wrong: ['always', 1] },
  uniquePeriod: { good: ['1s', 1_000, '0.5s'], wrong: ['soon', '1 fortnight', -1] },
  uniqueConflict: { good: ['reject', 'coalesce', 'replace'], wrong: ['ignore', false] },
  name: { good: ['Trailer, 720p', '名前', 7], wrong: ['', '  '] },
  queue: { good: ['live', 'default', 'batch', 'a', 'q_1-2'], wrong: ['Live', '', '1st', 'a b', 'q'.repeat(33)] },
  priority: { good: ['critical', 'high', 'medium', 'low', 'HIGH'], wrong: ['urgent', 9, '', {}] },
  tags: { good: [['a', 'b'], 'a,b', 'x'], wrong: ['', '  ', []] },
  limitKeys: { good: ['fuzz.a', ['fuzz.a', 'fuzz.b']], wrong: ['', 'a b', '.', 'a..b'] },
  delay: { good: ['5ms', 20, '0.1s', '0', '1ms'], wrong: ['-1s', 'soon', '', '1x', -5, 'NaN', '1e3'] },
  runAt: {
    good: ['2026-01-01T00:00:00Z', 1_700_000_000_000, '2020-02-29'],
    wrong: ['tomorrow', '5', '', '2026-13-45', 12],
  },
  expiresIn: { good: ['2s', 2_000], wrong: ['never', '', -1, '1y'] },
  expiresAt: { good: ['2999-01-01T00:00:00Z'], wrong: ['later', 'x', ''] },
  maxAttempts: { good: [1, '2', 4], wrong: [0, -1, 1.5, 'many', '', '1e400', {}] },
  backoff: {
    good: ['fixed(5ms)', 'exponential(1ms, x2, max 20ms)', 'list(1ms, 5ms)'],
    wrong: ['quickly', '', 'fixed()', 7.5],
  },
  timeout: { good: ['10s', 'none', 5_000], wrong: ['', 'long', -1] },
  staleAfter: { good: ['30m', 60_000], wrong: ['', 'old', -1] },
  hold: { good: [true, false, 'true', 'false'], wrong: ['yes', 1, '', {}] },
  after: { good: [], wrong: ['', 'a b', [' '], ',', '_x'] },
  afterNeed: { good: ['all', 'any'], wrong: ['most', 1] },
  afterWhen: { good: ['success', 'failure', 'end'], wrong: ['then', 1] },
  gpu: { good: [0, '0', 1], wrong: [-1, 'some', 0.5] },
  vram: { good: [0, 8_000], wrong: [-1, 'much'] },
  gpuVendor: { good: ['nvidia', 'AMD'], wrong: ['matrox', 7] },
  encoder: { good: ['h264_nvenc'], wrong: [''] },
  slots: { good: [1, '2'], wrong: [0, -1, 'all'] },
  memory: { good: [1, '2048'], wrong: [-1, 'much'] },
  disk: { good: [1, 20], wrong: [-1, 'much'] },
  version: { good: ['>=2.1'], wrong: ['', '>=>'] },
  // What is no trace says nothing, which is right by W3C.
  traceparent: { good: ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '', 'x', 7], wrong: [] },
  // An empty one says nothing, which is right by W3C.
  tracestate: { good: [], wrong: [] },
  labels: { good: ['zone=eu', { zone: 'eu|us' }, '!spot', ['cores>=8']], wrong: ['', '=', 'zone='] },
};

/** What has to stand beside something else, and what makes two of one job, is not drawn with the others. */
const apart = new Set([
  'tracestate',
  'id',
  'expiresIn',
  'expiresAt',
  'idempotencyKey',
  'uniqueKey',
  'uniqueWhile',
  'uniquePeriod',
  'uniqueConflict',
  'after',
  'afterNeed',
  'afterWhen',
]);

const drawn = Object.keys(said).filter((name) => !apart.has(name));

/** A few of the things that may be said, or none. */
const options = fc
  .subarray(drawn, { maxLength: 4 })
  .chain((names) =>
    fc.record(Object.fromEntries(names.map((name) => [name, fc.constantFrom(...(said[name]?.good ?? []))]))),
  );

const payloads = fc.oneof(
  fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.jsonValue(), { maxKeys: 3 }),
  fc.constant({}),
);

/** A submission that is right in everything; `n` makes what is unique about it. */
export const goodSubmission = fc
  .record({
    options,
    payload: payloads,
    key: fc.constantFrom('none', 'id', 'idempotencyKey', 'uniqueKey'),
    // Never drawn twice: the same key in two runs is a job that is there.
    n: fc.constant(0).map(() => randomUUID()),
  })
  .map(({ options: asked, payload, key, n }) => ({
    ...{ type: 'echo', payload: { ...payload, n }, expiresIn: '2s', ...asked },
    ...(key === 'none' ? {} : { [key]: `fuzz-${n}` }),
  }));

/** One that is wrong in one way, and where. */
export const brokenSubmission: fc.Arbitrary<Broken> = goodSubmission.chain((value) =>
  fc.oneof(
    fc
      .constantFrom(...Object.entries(said).flatMap(([name, { wrong }]) => wrong.map((bad) => ({ name, bad }))))
      .map(({ name, bad }) => ({ value: { ...value, [name]: bad }, path: `/${name}` })),
    fc
      .constantFrom('prioritty', 'Queue', '__proto__x', 'a/b', '', 'ref')
      .map((name) => ({ value: { ...value, [name]: 1 }, path: `/${name.replace('/', '~1')}` })),
    fc
      .constantFrom('nosuch', '', 7, null, ['echo'], 'constructor', '__proto__', 'webhook')
      .map((type) => ({ value: { ...value, type }, path: '/type' })),
    fc.constant({ value: { payload: value.payload }, path: '/type' }),
    fc.constantFrom('soon', -1, {}, [], null).map((executionTimeMs) => ({
      value: { ...value, type: 'sleeper', payload: { executionTimeMs } },
      path: '/payload/executionTimeMs',
    })),
  ),
);
