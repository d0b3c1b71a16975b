import { afterEach, beforeEach, expect, test } from 'vitest';
import { WorkflowStop } from '../../actors/workflow-stop.ts';
import type { JobRecord, WorkflowPart } from '../../runtime/record.ts';
import { born, step } from '../../runtime/step.ts';
import { endedJob, ledBoard } from './led-board.ts';
import { plainJob, specOf } from './stage.ts';

const nodes = { a: 0, b: 0, c: 0, d: 0 };

function scene() {
  const led = ledBoard((options) => new WorkflowStop(options));
  return { ...led, stops: led.actor() };
}

let on: ReturnType<typeof scene>;
beforeEach(() => {
  on = scene();
});
afterEach(() => on.stops.stop());

function part(node: string, more: Partial<WorkflowPart> = {}): JobRecord {
  const id = `w-${node}`;
  const workflow: WorkflowPart = { id: 'w', node, nodes, stops: true, ...more };
  return born({ ...specOf(plainJob(id)), createdAt: on.clock.now(), workflow }, plainJob(id).context);
}

const failed = (record: JobRecord) => endedJob(record, 'failed', on.clock.now());
const state = (node: string) => on.last(`w-${node}`).state;

test('when a job of a workflow fails, what waits of it fails with it, and neither what runs nor what is to run then', async () => {
  on.stops.start();
  const running = step(part('b'), { type: 'attempt.claimed', at: on.clock.now(), worker: 'w1' }).record;
  const { stops: _, ...onFailure } = part('d').workflow ?? { id: 'w', node: 'd', nodes };
  for (const record of [part('a'), running, part('c'), { ...part('d'), workflow: onFailure }]) await on.put(record);
  await on.put(failed(part('a')));
  await on.clock.advance(100);
  expect([state('b'), state('c'), state('d')]).toEqual(['assigned', 'failed', 'pending']);
  expect(on.last('w-c').context.error).toMatchObject({
    kind: 'rejected',
    message: 'Its workflow stopped, since job w-a has failed. Redrive the workflow to run both again.',
  });
  // What ran and waits to run again does not.
  await on.put(step(running, { type: 'attempt.handedBack', at: on.clock.now(), attempt: 1, reason: 'busy' }).record);
  await on.clock.advance(100);
  expect(state('b')).toBe('failed');
});

test('what is redriven after the failure is not stopped by it, also under another leader', async () => {
  on.stops.start();
  await on.put(part('a'));
  await on.put(part('b'));
  await on.put(failed(part('a')));
  await on.clock.advance(100);
  await on.put(step(on.last('w-b'), { type: 'job.redrive', at: on.clock.now() }).record);
  await on.clock.advance(11_000);
  expect(state('b')).toBe('pending');
  on.stops.stop();
  on.stops = on.actor();
  on.stops.start();
  await on.clock.advance(11_000);
  expect(state('b')).toBe('pending');
});

test('a failure while nobody led, or whose news was lost, is found', async () => {
  await on.put(part('a'));
  await on.put(part('b'));
  on.stops.stop();
  await on.put(failed(part('a')));
  on.stops = on.actor();
  on.stops.start();
  await on.clock.advance(100);
  expect(state('b')).toBe('failed');
  await on.put(part('c'));
  await on.clock.advance(11_000);
  expect(state('c')).toBe('pending');
  await on.clock.advance(1_000);
  await on.put(failed(part('d')), { isHeard: false });
  await on.clock.advance(11_000);
  expect(state('c')).toBe('failed');
});
