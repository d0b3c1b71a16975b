/**
 * Which running jobs make room at one worker for a job that waits. Pure: it looks at what the worker holds.
 *
 * What an eviction costs is the run time that is lost: since the attempt began, or last saved what it had. Of the jobs
 * that may be evicted those that cost least go, and none that the others make needless. An attempt is left alone until it
 * has run for `evictAfterMs` of its queue, and for twice as long after each time that the job has made room. So a job
 * that needs `t` is evicted at most 1 + log2(t / evictAfterMs) times, whether or not it saves anything, and ends.
 */

import { type Capacity, hasRoom, take, type Usage } from '../machines/rules/capability.ts';
import type { QueuePolicy } from '../machines/rules/queue.ts';
import type { Board } from './board.ts';
import type { Entry } from './entry.ts';

/** Where a job could start, if some that are there made room. */
export interface Eviction {
  victims: readonly Entry[];
  /** Run time that is lost, ms. */
  lossMs: number;
}

export interface EvictionOptions {
  board: Pick<Board, 'holding' | 'policyOf' | 'turnOf'>;
  worker: string;
  capacity: Capacity;
  /** What will stay there and come there, as far as is known. */
  usage: Usage;
  lookAhead: number;
  /** Broker time, epoch ms. */
  now: number;
  /** Jobs that are to go for others already. */
  isSpoken(entry: Entry): boolean;
  /** Whether there is room under what `wanted` is counted under when these have gone; absent: there is in any case. */
  allows?(victims: readonly Entry[]): boolean;
}

/** The cheapest way to make room for `wanted` at a worker that could run it; `undefined` where there is none. */
export function evictionFor(wanted: Entry, options: EvictionOptions): Eviction | undefined {
  const { board, worker, now } = options;
  const mayGo = [...board.holding(worker).claims]
    .filter((entry) => mayMakeRoom(entry, wanted, options))
    .sort((one, other) => lossOf(one, now) - lossOf(other, now));
  const one = mayGo.find((entry) => fitsWithout(wanted, [entry], options));
  const several = fewest(wanted, mayGo, options);
  const ways = [one === undefined ? undefined : [one], several].flatMap((victims) =>
    victims === undefined ? [] : [{ victims, lossMs: victims.reduce((sum, entry) => sum + lossOf(entry, now), 0) }],
  );
  return ways.reduce<Eviction | undefined>((best, way) => (isCheaper(way, best) ? way : best), undefined);
}

/** Whether one way costs less than another; of two that cost the same, the one with fewer victims. */
export function isCheaper(one: Eviction, other: Eviction | undefined): boolean {
  if (other === undefined) return true;
  return one.lossMs < other.lossMs || (one.lossMs === other.lossMs && one.victims.length < other.victims.length);
}

/** Those that cost least, one after the other until there is room; then the dearest are kept that need not go. */
function fewest(wanted: Entry, mayGo: readonly Entry[], options: EvictionOptions): readonly Entry[] | undefined {
  const enough = mayGo.findIndex((_, at) => fitsWithout(wanted, mayGo.slice(0, at + 1), options));
  if (enough === -1) return undefined;
  let victims = mayGo.slice(0, enough + 1);
  for (const entry of victims.toReversed()) {
    const others = victims.filter((victim) => victim !== entry);
    if (fitsWithout(wanted, others, options)) victims = others;
  }
  return victims;
}

function fitsWithout(
  wanted: Entry,
  victims: readonly Entry[],
  { usage, capacity, lookAhead, allows = () => true }: EvictionOptions,
): boolean {
  if (!allows(victims)) return false;
  const left = { ...usage };
  for (const { requirements, rare } of victims) take(left, requirements, -1, rare);
  return hasRoom(wanted.requirements, capacity, left, lookAhead);
}

function mayMakeRoom(entry: Entry, wanted: Entry, { board, now, isSpoken }: EvictionOptions): boolean {
  const from = mayGoFrom(entry, wanted, board);
  return from !== undefined && from <= now && !isSpoken(entry);
}

/**
 * From which moment on it may be evicted for `wanted`, epoch ms; `undefined` where it never may. Its queue is named by that
 * of `wanted`, and comes after it: else it would take the room back.
 */
export function mayGoFrom(entry: Entry, wanted: Entry, board: EvictionOptions['board']): number | undefined {
  const { mayEvict } = board.policyOf(wanted.queue);
  if (!mayEvict.includes(entry.queue) || board.turnOf(entry.queue) <= board.turnOf(wanted.queue)) return undefined;
  if (entry.state !== 'processing' || isLeaving(entry) || entry.isOfNewer) return undefined;
  return entry.updatedAt + protectedForMs(entry, board.policyOf(entry.queue));
}

/** How long an attempt of the job runs before it has to make room, ms. */
function protectedForMs({ rare }: Entry, { evictAfterMs }: QueuePolicy): number {
  return evictAfterMs * 2 ** (rare?.preempted ?? 0);
}

/** Whether the job has been told to stop: its room is about to be free. */
export function isLeaving({ state, rare }: Entry): boolean {
  return state === 'cancelling' || rare?.preemptAt !== undefined;
}

/** The run time that ends with it, ms. What it saved in this attempt is not lost. */
export function lossOf({ updatedAt, rare }: Entry, now: number): number {
  return Math.max(0, now - Math.max(updatedAt, rare?.savedAt ?? 0));
}
