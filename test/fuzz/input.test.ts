/**
 * Whatever comes in from outside becomes a whole job or is refused with a sentence; nothing else, and never a crash.
 * `FUZZ_RUNS` says how many inputs each property gets.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { admit, type KnownType } from '../../actors/admission.ts';
import { fields, readRequest, refOf } from '../../actors/request.ts';
import { simulate } from '../../handlers/simulate.ts';
import { transcode } from '../../handlers/transcode.ts';
import { jobStates } from '../../machines/job.ts';
import { SystemClock } from '../../runtime/clock.ts';
import { Fault } from '../../runtime/faults.ts';
import type { Submission } from '../../runtime/ports.ts';
import { type JobRecord, upcast } from '../../runtime/record.ts';

const runs = { numRuns: Number(process.env['FUZZ_RUNS'] ?? 300) };
const clock = new SystemClock();
const definitions = [...simulate({ clock }), transcode({ clock })];
const types = new Map<string, KnownType>(
  definitions.map((definition) => [definition.type, { type: definition.type, defaults: {}, definition }]),
);

const name = fc.oneof(
  fc.constantFrom(...fields.map(({ header }) => header.toLowerCase())),
  fc.constantFrom('nats-msg-id', 'traceparent', 'priorty', 'x'),
);
const value = fc.oneof(
  fc.constantFrom(...fields.map(({ example }) => example)),
  fc.string(),
  fc.constantFrom('', '-1', '0', '1e9', 'true', 'none', '5m', 'high', '∞'),
);
const headers = fc.array(fc.tuple(name, value), { maxLength: 4 }).map((pairs) => new Map(pairs));
const json = fc.oneof(
  fc.json(),
  fc.string(),
  fc.dictionary(fc.string(), fc.jsonValue()).map((payload) => JSON.stringify({ payload, options: {} })),
  fc
    .dictionary(fc.constantFrom(...fields.map(({ field }) => field)), fc.jsonValue())
    .map((options) => JSON.stringify({ payload: {}, options })),
  fc.constantFrom('{}', '', '{"executionTimeMs":5}', '{"input":"a.mp4","output":"b.mp4"}'),
);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  json.map((text) => new TextEncoder().encode(text)),
);
const type = fc.constantFrom('noop', 'flaky', 'transcode', 'nop', '', 'constructor', '__proto__');

const submission: fc.Arbitrary<Submission> = fc
  .record({ type, headers, body, sequence: fc.integer({ min: 1 }) })
  .map((parts) => ({
    ...parts,
    streamCreatedAt: 1_700_000_000_000,
    tenant: 'default',
    at: 1_800_000_000_000,
    deliveries: 1,
  }));

async function decide(given: Submission): Promise<JobRecord | Fault> {
  try {
    return await admit(readRequest(given), types);
  } catch (cause) {
    if (cause instanceof Fault) return cause;
    throw cause;
  }
}

test('every submission becomes a whole job or is refused with what was expected and met', async () => {
  await fc.assert(
    fc.asyncProperty(submission, async (given) => {
      const decided = await decide(given);
      if (decided instanceof Fault) {
        expect(decided.code).toBe('input.invalid');
        expect(decided.message).toMatch(/^Expected .*, got /s);
        return;
      }
      expect(jobStates).toContain(decided.state);
      expect(upcast(JSON.parse(JSON.stringify(decided)))).toEqual(JSON.parse(JSON.stringify(decided)));
    }),
    runs,
  );
});

test('the word under which a submitter waits is safe to be part of a subject, whatever it sent', () => {
  fc.assert(
    fc.property(submission, (given) => {
      // A client of MQTT names itself before it.
      expect(refOf(given) ?? 'none').toMatch(/^(?:[A-Za-z0-9_-]{1,64}\/)?[A-Za-z0-9_-]{1,64}$/);
    }),
    runs,
  );
});

test('whatever lies where a record should is read as a record or refused', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (anything) => {
      let read: unknown;
      try {
        read = upcast(anything).id;
      } catch (cause) {
        read = cause instanceof Fault ? cause.code : cause;
      }
      expect(read).toBeTypeOf('string');
    }),
    runs,
  );
});
