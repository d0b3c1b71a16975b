/** Random boards and fleets for properties. */

import fc from 'fast-check';
import type { Candidate } from '../../actors/crew.ts';
import { type JobState, jobStates } from '../../machines/job.ts';
import type { Requirements } from '../../machines/rules/capability.ts';
import { defaultQueues, type Priority, priorities } from '../../machines/rules/lanes.ts';
import type { Head } from '../../runtime/ports.ts';
import { headWith } from './stage.ts';

const types = ['noop', 'transcode'] as const;
export const workers = ['w1', 'w2', 'w3'] as const;

/** A requirement that some of the fleet meets; what is absent is asked for by nobody. */
export const requirements: fc.Arbitrary<Requirements> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.record(
    {
      gpu: fc.integer({ min: 0, max: 2 }),
      vramMb: fc.constantFrom(4_000, 8_000),
      vendor: fc.constantFrom('nvidia', 'amd'),
      encoder: fc.constant('h264_nvenc'),
      slots: fc.integer({ min: 1, max: 3 }),
      memoryMb: fc.constantFrom(100, 400, 900),
      labels: fc.constantFrom({ zone: 'eu' }, { zone: 'us' }),
    },
    { requiredKeys: [] },
  ),
);

/** Where a lane stands while nobody has set anything: a smaller number is served first. */
export function laneRank(queue: string, priority: Priority): number {
  const at = defaultQueues.indexOf(queue);
  return (at === -1 ? defaultQueues.length : at) * priorities.length + priorities.indexOf(priority);
}

export const state: fc.Arbitrary<JobState> = fc.constantFrom(...jobStates);
export const readyState: fc.Arbitrary<JobState> = fc.constantFrom('pending', 'queued');

/** A head of one of a few keys; its revision is to be given. */
export function head(states: fc.Arbitrary<JobState>): fc.Arbitrary<Omit<Head, 'key' | 'revision'>> {
  return fc
    .record({
      state: states,
      type: fc.constantFrom(...types),
      queue: fc.constantFrom('live', 'batch', 'unlisted'),
      priority: fc.constantFrom('high', 'low'),
      requirements,
      createdAt: fc.integer({ min: 1, max: 5 }),
      attempt: fc.integer({ min: 0, max: 3 }),
      worker: fc.constantFrom(...workers),
      vramsMb: fc.array(fc.constantFrom(8, 80), { maxLength: 2 }),
    })
    .map(({ worker, vramsMb, ...rest }) => {
      const { key: _key, revision: _revision, ...whole } = headWith({ key: 'k', revision: 1, ...rest });
      return isHeld(rest.state) ? { ...whole, worker, vramsMb } : whole;
    });
}

function isHeld(of: JobState): boolean {
  return of === 'assigned' || of === 'processing' || of === 'cancelling';
}

/** A worker that takes jobs, with something in its hands already. */
const candidate: fc.Arbitrary<Omit<Candidate, 'incarnation'>> = fc
  .record({
    capacity: fc.record(
      {
        slots: fc.integer({ min: 1, max: 4 }),
        types: fc.subarray([...types], { minLength: 1 }),
        gpu: fc.constantFrom(0, 0, 1, 2),
        vramMb: fc.constantFrom(0, 4_000, 8_000),
        vendor: fc.constantFrom('nvidia', 'amd'),
        encoders: fc.constantFrom([], ['h264_nvenc']),
        memoryMb: fc.constantFrom(500, 1_000),
        labels: fc.constantFrom({}, { zone: 'eu' }),
      },
      { requiredKeys: ['slots', 'types', 'gpu', 'vramMb', 'encoders', 'memoryMb', 'labels'] },
    ),
    taken: fc.integer({ min: 0, max: 4 }),
  })
  .map(({ capacity, taken }) => ({
    capacity,
    usage: {
      slots: Math.min(taken, capacity.slots),
      gpu: Math.min(taken, capacity.gpu),
      memoryMb: taken * 100,
      diskMb: 0,
      vramsMb: [],
    },
  }));

/** A few workers. */
export const fleet: fc.Arbitrary<Candidate[]> = fc
  .array(candidate, { maxLength: 4 })
  .map((all) => all.map((one, at) => ({ incarnation: `w${at + 1}`, ...one })));
