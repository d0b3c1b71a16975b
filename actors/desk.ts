/**
 * Questions that only the leader can answer, since the answers are on its board and in its fleet: who is there, what
 * waits, and why. Answers are plain JSON; `sdk/` types them again on the other side.
 */

import type { JobState } from '../machines/job.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Durability, WorkerStatus } from '../runtime/ports.ts';
import type { Board } from './board.ts';
import { type Fleet, isHung } from './fleet.ts';
import type { LookAhead } from './look-ahead.ts';
import type { Term } from './term.ts';
import { unserved } from './unserved.ts';
import { type Why, why } from './why.ts';

/** A worker as the leader sees it. `heardMsAgo` is the age of its last pulse. */
export interface WorkerView {
  incarnation: string;
  name: string;
  host: string;
  pid: number;
  version: string;
  status: WorkerStatus;
  types: readonly string[];
  slots: number;
  used: number;
  gpu: number;
  vramMb: number;
  vendor?: string;
  encoders: readonly string[];
  memoryMb: number;
  labels: Readonly<Record<string, string>>;
  declared: readonly string[];
  load: { cpuPercent: number; memoryMb: number; gpuPercent?: number };
  startedAt: number;
  heardMsAgo: number;
  /** It pulses, but its main loop stands still: it is offered nothing. */
  isHung: boolean;
  jobs: readonly string[];
}

/** The cluster as the leader sees it. `open` counts jobs that are not settled. */
export interface ClusterView {
  leader: { name: string; incarnation: string; term: number };
  at: number;
  workers: readonly WorkerView[];
  open: number;
  byState: Readonly<Partial<Record<JobState, number>>>;
  lookAhead: Readonly<Record<string, number>>;
  /** How many jobs wait, by types that no worker serves; absent where the leader is of a version that did not say. */
  unserved?: Readonly<Record<string, number>>;
  /** How many jobs wait that only a newer leader can move. */
  leftToNewer?: number;
  /** What an acknowledged submission survives. */
  durability?: Durability;
}

/** What the answers are made from. */
export interface DeskOptions {
  board: Board;
  fleet: Fleet;
  clock: Clock;
  lookAhead: LookAhead;
  term: Term;
  incarnation: string;
  name: string;
  settings: { gpuSpillOver: boolean; durability?: Durability };
  stepDown: () => Promise<void>;
}

/** Who gave the lease up, and which one. */
export interface SteppedDown {
  name: string;
  incarnation: string;
  term: number;
}

type Answer = (ask: unknown) => unknown;

/** Every question with its answer. */
export function answers(options: DeskOptions): Iterable<[string, Answer]> {
  return [
    ['cluster', () => cluster(options)],
    ['workers', () => workers(options)],
    ['why', (ask) => explain(options, ask)],
    ['step-down', () => stepDown(options)],
  ];
}

async function stepDown({ name, incarnation, term, ...options }: DeskOptions): Promise<SteppedDown> {
  await options.stepDown();
  return { name, incarnation, term: term.number };
}

function cluster(options: DeskOptions): ClusterView {
  const { board, fleet, clock, name, incarnation, term, lookAhead, settings } = options;
  const byState: Partial<Record<JobState, number>> = {};
  for (const { state } of board.entries()) byState[state] = (byState[state] ?? 0) + 1;
  return {
    leader: { name, incarnation, term: term.number },
    at: clock.now(),
    workers: workers(options),
    open: board.size,
    byState,
    lookAhead: Object.fromEntries(lookAhead.known()),
    unserved: unserved(board, fleet),
    leftToNewer: board.leftToNewer,
    ...(settings.durability === undefined ? {} : { durability: settings.durability }),
  };
}

function workers({ fleet, board, clock }: DeskOptions): WorkerView[] {
  return fleet.members().map(({ pulse, status, heardAt }) => {
    const { incarnation, name, host, pid, version, declared, load, startedAt, capacity } = pulse;
    const holding = board.holding(incarnation);
    return {
      incarnation,
      name,
      host,
      pid,
      version,
      status,
      ...capacity,
      used: holding.usage.slots,
      declared,
      load,
      startedAt,
      heardMsAgo: Math.round(clock.mono() - heardAt),
      isHung: !fleet.isGone(incarnation) && isHung(pulse),
      jobs: [...holding.claims].map(({ key }) => key),
    };
  });
}

function explain({ board, fleet, clock, settings }: DeskOptions, ask: unknown): Why | null {
  const entry = typeof ask === 'string' ? board.get(ask) : undefined;
  return entry === undefined
    ? null
    : why(entry, { board, fleet, gpuSpillOver: settings.gpuSpillOver, now: clock.now() });
}
