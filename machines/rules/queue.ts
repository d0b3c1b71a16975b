/**
 * What people may set for a queue, and what holds for one where nobody has.
 *
 * Knows numbers and words only. Who keeps them is `nats/control.ts`, who obeys them the board (`actors/board.ts`) and
 * what throttles it (`actors/throttle.ts`).
 */

import {
  aCount,
  aRate,
  aWeight,
  type ChangeOf,
  changed,
  isNumber,
  known,
  type Rule,
  wrongInChange,
} from './setting.ts';

/** How a queue stands to others: served in its turn before all later ones, or sharing one turn by weight. */
export const queueModes = ['strict', 'weighted'] as const;
export type QueueMode = (typeof queueModes)[number];

/** What people have set for one queue. What is absent is as if nobody had ever set it; `null` says so in a change. */
export interface QueueSettings {
  queue: string;
  /** Its turn: a smaller number is served first. */
  order?: number;
  mode?: QueueMode;
  /** Of jobs that start, its part among the queues that share. */
  weight?: number;
  paused?: boolean;
  /** The most jobs of it that workers may hold at once. */
  maxActive?: number;
  /** The most jobs of it that may start in a second. */
  ratePerSecond?: number;
  /** A job that has waited for so long rises by one priority, and again; 0: it never does. */
  agingStepMs?: number;
  /** Queues whose running jobs make room for its own where there is none. */
  mayEvict?: readonly string[];
  /** So long an attempt runs before it has to make room, and twice as long after each time that it did. */
  evictAfterMs?: number;
  /** A job that is next and has been ready for so long has a worker keep room for it; 0: none ever does. */
  reserveAfterMs?: number;
}

/** What is to be changed about a queue; `null` takes back what was set. */
export type QueueChange = ChangeOf<QueueSettings, 'queue'>;

/** What holds for a queue, complete. */
export interface QueuePolicy {
  queue: string;
  order: number;
  mode: QueueMode;
  weight: number;
  paused: boolean;
  /** `Infinity` where there is no limit. */
  maxActive: number;
  ratePerSecond: number;
  /** `Infinity` where nothing rises. */
  agingStepMs: number;
  mayEvict: readonly string[];
  evictAfterMs: number;
  /** `Infinity` where nothing is reserved. */
  reserveAfterMs: number;
}

const defaultAgingStepMs = 10 * 60_000;
const defaultEvictAfterMs = 10_000;
const defaultReserveAfterMs = 60_000;
const queuePattern = /^[a-z][a-z0-9_-]{0,31}$/;

/**
 * What holds for `queue`. Queues that are listed and that nobody has given an order have the turns 1, 2, 3 and so on;
 * those that are not listed come after them, all in one turn.
 */
export function queuePolicy(queue: string, listed: readonly string[], set: QueueSettings = { queue }): QueuePolicy {
  const at = listed.indexOf(queue);
  const { agingStepMs = defaultAgingStepMs, reserveAfterMs = defaultReserveAfterMs } = set;
  return {
    queue,
    order: set.order ?? (at === -1 ? listed.length : at) + 1,
    mode: set.mode ?? 'strict',
    weight: set.weight ?? 1,
    paused: set.paused ?? false,
    maxActive: set.maxActive ?? Number.POSITIVE_INFINITY,
    ratePerSecond: set.ratePerSecond ?? Number.POSITIVE_INFINITY,
    agingStepMs: agingStepMs === 0 ? Number.POSITIVE_INFINITY : agingStepMs,
    mayEvict: set.mayEvict ?? [],
    evictAfterMs: set.evictAfterMs ?? defaultEvictAfterMs,
    reserveAfterMs: reserveAfterMs === 0 ? Number.POSITIVE_INFINITY : reserveAfterMs,
  };
}

/** The settings after a change. */
export function changedQueue(set: QueueSettings, change: QueueChange): QueueSettings {
  return { ...changed(set, change), queue: set.queue };
}

const rules: { readonly [Name in keyof QueueChange]-?: Rule } = {
  order: { expected: 'a number', holds: isNumber },
  mode: { expected: 'strict or weighted', holds: (value) => queueModes.some((mode) => mode === value) },
  weight: aWeight,
  paused: { expected: 'true or false', holds: (value) => typeof value === 'boolean' },
  maxActive: aCount,
  ratePerSecond: aRate,
  agingStepMs: {
    expected: 'a duration from 1 s up, or off',
    holds: (value) => value === 0 || (isNumber(value) && value >= 1_000),
  },
  mayEvict: {
    expected: 'a list of other queues',
    holds: (value) =>
      Array.isArray(value) && value.every((name) => typeof name === 'string' && queuePattern.test(name)),
  },
  reserveAfterMs: {
    expected: 'a duration from 1 s up, or off',
    holds: (value) => value === 0 || (isNumber(value) && value >= 1_000),
  },
  evictAfterMs: { expected: 'a duration from 1 s up', holds: (value) => isNumber(value) && value >= 1_000 },
};

/** The first thing about a change that cannot be, as a sentence; `undefined` where all of it can. */
export function wrongInQueue(queue: string, change: QueueChange): string | undefined {
  if (!queuePattern.test(queue))
    return `Expected a queue of a lower-case letter and up to 31 of \`a-z 0-9 _ -\`, got \`${queue}\`. Choose another name.`;
  return wrongInChange(`queue ${queue}`, change, rules);
}

/** Whether somebody's JSON is what people may set for a queue. */
export function isQueueSettings(
  value: Readonly<Record<string, unknown>>,
): value is Record<string, unknown> & QueueSettings {
  const { queue, ...change } = value;
  return typeof queue === 'string' && wrongInQueue(queue, known(change, rules)) === undefined;
}
