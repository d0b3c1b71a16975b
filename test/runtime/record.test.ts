/**
 * What was once stored must always load. The files of `test/golden/records` are never edited: a new shape of record
 * adds new ones beside them.
 */

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type JobState, jobMachineVersion, jobStates } from '../../machines/job.ts';
import { Fault } from '../../runtime/faults.ts';
import { holdsClaim, jobKey, lastTransition, plainVersion, recordVersion, upcast } from '../../runtime/record.ts';
import { step } from '../../runtime/step.ts';

const folder = new URL('../golden/records/', import.meta.url);
const files = readdirSync(folder);

function golden(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
}

function refusal(json: unknown): Fault {
  try {
    upcast(json);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error(`Expected a fault for ${JSON.stringify(json)}, got a record.`);
}

describe('a record that an earlier version stored', () => {
  test('there is one of every state', () => {
    expect(files.filter((file) => file.startsWith('v1-')).sort()).toEqual(
      jobStates.map((state) => `v1-${state}.json`).sort(),
    );
  });

  test.each(files)('%s loads, says what it said, and its job can go on', (file) => {
    const record = upcast(golden(file));
    expect(record).toMatchObject({ ...golden(file), version: Math.max(plainVersion, Number(golden(file)['version'])) });
    const next = step(record, nextOf(record.state, record.context.attempt));
    expect(next.moved).toBe(record.state !== 'completed' && record.state !== 'cancelled');
  });

  test.each(files.filter((file) => /^v[12]-/.test(file)))('%s of today loads unchanged', (file) => {
    expect(upcast(golden(file))).toEqual(golden(file));
  });
});

/** An event that a job in `state` takes, unless it is settled for good. */
function nextOf(state: JobState, attempt: number) {
  const at = 1_796_000_000_000;
  if (state === 'assigned') return { type: 'attempt.started', at, attempt } as const;
  if (state === 'processing' || state === 'cancelling')
    return { type: 'attempt.completed', at, attempt, result: null } as const;
  if (state === 'failed') return { type: 'job.redrive', at } as const;
  return { type: 'job.cancel', at } as const;
}

describe('what is no record of ours is refused', () => {
  const good = golden('v1-processing.json');

  test.each([
    ['a newer record', { ...good, version: recordVersion + 1 }],
    ['a record of a newer chart', { ...good, machine: jobMachineVersion + 1 }],
  ])('%s, and says to upgrade', (_what, json) => {
    const { code, message } = refusal(json);
    expect([code, message]).toEqual(['record.unreadable', expect.stringContaining('Upgrade this process.')]);
  });

  test.each([
    ['an older record without a way up', { ...good, version: 0 }],
    ['a version that is none', { ...good, version: '1' }],
    ['a fraction of a version', { ...good, version: 0.5 }],
    ['no machine version', { ...good, machine: undefined }],
    ['a state that no chart has', { ...good, state: 'asleep' }],
    ['no id', { ...good, id: undefined }],
    ['a tenant that is no text', { ...good, tenant: 7 }],
    ['no type', { ...good, type: undefined }],
    ['no context', { ...good, context: null }],
    ['attempts that are no list', { ...good, attempts: {} }],
    ['no transitions', { ...good, transitions: undefined }],
    ['a list', [good]],
  ])('%s', (_what, json) => {
    expect(refusal(json).code).toBe('record.unreadable');
  });

  test('any other JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.oneof(fc.integer(), fc.double()), (json, version) => {
        expect(refusal(json).code).toBe('record.unreadable');
        expect(refusal({ ...Object(json), version }).code).toBe('record.unreadable');
      }),
    );
  });
});

test('a claim is held by one incarnation, under one attempt, as long as the job is active', () => {
  const worker = 'k3j9x0q2m5ab';
  expect(holdsClaim(upcast(golden('v1-processing.json')), worker, 1)).toBe(true);
  expect(holdsClaim(upcast(golden('v1-processing.json')), worker, 2)).toBe(false);
  expect(holdsClaim(upcast(golden('v1-processing.json')), 'another', 1)).toBe(false);
  expect(holdsClaim(upcast(golden('v1-retrying.json')), worker, 1)).toBe(false);
});

test('a job lies under its tenant and its id, and knows the number of its last transition', () => {
  const record = upcast(golden('v1-failed.json'));
  expect(jobKey(record)).toBe('default.film-17');
  expect(lastTransition(record)).toBe(record.transitions.length);
  expect(lastTransition({ ...record, transitions: [] })).toBe(0);
});
