import { expect, test } from 'vitest';
import type { JobEvent } from '../../machines/job.ts';
import { headBody } from '../../runtime/head.ts';
import type { JobRecord } from '../../runtime/record.ts';
import { step } from '../../runtime/step.ts';
import { plainJob } from '../actors/stage.ts';

function after(record: JobRecord, ...events: readonly JobEvent[]): JobRecord {
  return events.reduce((now, event) => step(now, event).record, record);
}

test('a head tells since when its job is ready, whatever was done to it in line', () => {
  const born = plainJob('a', { createdAt: 1_000 });
  expect(headBody(born).readyAt).toBeUndefined();
  const inLine = after(
    born,
    { type: 'job.queued', at: 2_000, reason: 'all busy' },
    { type: 'job.prioritise', at: 3_000, priority: 'low' },
    { type: 'job.move', at: 4_000, queue: 'batch' },
  );
  expect(headBody(inLine)).toMatchObject({ queue: 'batch', priority: 'low', updatedAt: 4_000, readyAt: 1_000 });
  const back = after(
    inLine,
    { type: 'job.reschedule', at: 5_000, dueAt: 9_000 },
    { type: 'job.due', at: 9_000 },
    { type: 'job.queued', at: 9_500, reason: 'all busy' },
  );
  expect(headBody(back)).toMatchObject({ updatedAt: 9_500, readyAt: 9_000 });
});

test('a job that was redriven is not stopped for its own failure, though the clock of whoever redrove it is behind', () => {
  const born = { ...plainJob('a', { createdAt: 1_000 }), workflow: { id: 'w', stops: true } };
  const error = { kind: 'rejected' as const, message: 'Its workflow stopped.', retryable: false };
  expect(headBody(born).stopsSince).toBe(1_000);
  const failed = after(born, { type: 'job.stopped', at: 5_000, error });
  expect(headBody(after(failed, { type: 'job.redrive', at: 4_700 })).stopsSince).toBe(5_001);
  expect(headBody(after(failed, { type: 'job.redrive', at: 6_000 })).stopsSince).toBe(6_000);
});
