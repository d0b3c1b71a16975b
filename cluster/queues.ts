/**
 * What people set for queues, and how the leader sees them.
 *
 * What is set lies in the control bucket and needs no leader; each master that hears of it goes by it at once.
 */

import { inTurn, type QueueView, queueView } from '../actors/queue-view.ts';
import {
  changedQueue,
  isQueueSettings,
  type QueueChange,
  type QueueSettings,
  queuePolicy,
  wrongInQueue,
} from '../machines/rules/queue.ts';
import { Fault } from '../runtime/faults.ts';
import type { World } from '../runtime/ports.ts';
import { isObject } from './desk-answer.ts';

export type { QueueChange, QueueSettings, QueueView };

/** Where it throws at what is there, nothing is changed. */
export interface Expecting<Thing> {
  expect?: ((now: Thing) => void) | undefined;
}

const answerWithinMs = 2_000;

/** The queues in the order in which they are served: as the leader sees them, else as they are set. */
export async function listQueues({ desk, control }: World, listed: readonly string[]): Promise<readonly QueueView[]> {
  const answer = await desk.ask('queues', null, answerWithinMs);
  if (Array.isArray(answer)) return answer.filter(isQueueView);
  const set = new Map<string, QueueSettings>();
  for (const settings of await control.queues())
    if (isQueueSettings({ ...settings })) set.set(settings.queue, settings);
  const names = [...new Set([...listed, ...set.keys()])];
  return inTurn(names.map((queue) => queueView(queuePolicy(queue, listed, set.get(queue)))));
}

/** What people have set for a queue, and no more. */
export async function queueSettings({ control }: World, queue: string): Promise<QueueSettings> {
  return (await control.queues()).find((set) => set.queue === queue) ?? { queue };
}

/**
 * Changes what is set for a queue; what is `null` is taken back. Resolves with all that is set.
 *
 * @throws {Fault} `input.invalid`
 */
export async function setQueue(
  { control }: World,
  queue: string,
  { change, expect = () => {} }: Expecting<QueueSettings> & { change: QueueChange },
): Promise<QueueSettings> {
  const wrong = wrongInQueue(queue, change) ?? evictsItself(queue, change);
  if (wrong !== undefined) throw new Fault('input.invalid', wrong);
  return await control.changeQueue(queue, (set) => {
    expect(set);
    return changedQueue(set, change);
  });
}

/** It was let pass once, and did nothing: what was stored so is still read. */
function evictsItself(queue: string, { mayEvict }: QueueChange): string | undefined {
  if (mayEvict?.includes(queue) !== true) return undefined;
  return `Expected \`mayEvict\` of queue ${queue} to be a list of other queues, got itself. Name queues of later turns.`;
}

function isQueueView(view: unknown): view is QueueView {
  if (!isObject(view)) return false;
  const { queue, order, mode, weight, paused } = view;
  const isNamed = typeof queue === 'string' && typeof mode === 'string' && typeof paused === 'boolean';
  return isNamed && typeof order === 'number' && typeof weight === 'number';
}
