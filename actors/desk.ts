/**
 * Questions that only the leader can answer, since the answers are on its board and in its fleet: who is there, what
 * waits, and why. Answers are plain JSON; `sdk/` types them again on the other side.
 */

import type { JobState } from '../machines/job.ts';
import type { Gpu } from '../machines/rules/gpu.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Durability, WorkerStatus } from '../runtime/ports.ts';
import type { Board } from './board.ts';
import type { Awaited } from './dependents.ts';
import type { Entry } from './entry.ts';
import { type Fleet, isHung } from './fleet.ts';
import type { Count } from './headcount.ts';
import { limitViews, tenantViews } from './limit-view.ts';
import type { LookAhead } from './look-ahead.ts';
import { inTurn, type QueueView, queueView } from './queue-view.ts';
import type { OpenCount } from './quota.ts';
import type { RoomKeeper } from './room-keeper.ts';
import { type Advice, adviseScale, type Demand, demandsOf, type ScaleOptions } from './scale.ts';
import type { LaneShares } from './shares.ts';
import type { LaneView } from './siding.ts';
import type { Term } from './term.ts';
import type { Throttle } from './throttle.ts';
import { unserved } from './unserved.ts';
import { type Why, why } from './why.ts';
import { whyBlocked } from './why-blocked.ts';

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
  /** Of each GPU, where they differ. */
  vramsMb?: readonly number[];
  /** Each GPU, where they differ in maker or encoders. */
  gpus?: readonly Gpu[];
  vendor?: string;
  encoders: readonly string[];
  memoryMb: number;
  labels: Readonly<Record<string, string>>;
  declared: readonly string[];
  load: { cpuPercent: number; memoryMb: number; gpuPercent?: number };
  startedAt: number;
  /** How far its machine's clock is ahead of the broker's; absent where it or the leader is of a version that does not say. */
  skewMs?: number;
  /** Where it serves its metrics; absent where it does not. */
  metrics?: string;
  heardMsAgo: number;
  /** It pulses, but its main loop stands still: it is offered nothing. */
  isHung: boolean;
  /** It pulses and leaves its mail unanswered; absent where the leader is of a version that did not say. */
  isDeaf?: boolean;
  jobs: readonly string[];
}

/** The cluster as the leader sees it. `open` counts jobs that are not settled. */
export interface ClusterView {
  leader: { name: string; incarnation: string; term: number };
  at: number;
  workers: readonly WorkerView[];
  open: number;
  byState: Readonly<Partial<Record<JobState, number>>>;
  /** Jobs that may wait on a worker for each of its slots, by type. */
  lookAhead: Readonly<Record<string, number>>;
  /** How many jobs wait, by types that no worker serves; absent where the leader is of a version that did not say. */
  unserved?: Readonly<Record<string, number>>;
  /** How many jobs wait that only a newer leader can move. */
  leftToNewer?: number;
  /** How many jobs wait in each queue that is paused. */
  paused?: Readonly<Record<string, number>>;
  /** What an acknowledged submission survives. */
  durability?: Durability;
}

/** What the answers are made from. */
export interface DeskOptions {
  board: Board;
  fleet: Fleet;
  clock: Clock;
  lookAhead: LookAhead;
  throttle: Throttle;
  room: RoomKeeper;
  /** Whose turn it is among tenants, in each lane. */
  turns: LaneShares;
  term: Term;
  incarnation: string;
  name: string;
  settings: { gpuSpillOver: boolean; durability?: Durability };
  stepDown: () => Promise<void>;
  /** The jobs for which a blocked one waits. */
  awaited: (entry: Entry) => Promise<readonly Awaited[]>;
  /** How many jobs of a tenant are open. */
  countOpen: (tenant: string) => OpenCount;
}

/** Who gave the lease up, and which one. */
export interface SteppedDown {
  name: string;
  incarnation: string;
  term: number;
}

/** What the leader knows of all at this moment. */
export interface Outlook {
  cluster: ClusterView;
  queues: readonly QueueView[];
  /** What each set of requirements needs to start within a minute. */
  demands: readonly Demand[];
  lanes: readonly LaneView[];
  /** Open jobs. */
  counts: readonly Count[];
  /** Ready jobs that are not offered; those of types that have waited before stay, at 0. */
  waitingByType: ReadonlyMap<string, number>;
}

export function outlook(options: DeskOptions): Outlook {
  const { board } = options;
  return {
    cluster: cluster(options),
    queues: queues(options),
    lanes: board.queues().flatMap((queue) => board.lanesOf(queue)),
    counts: [...board.headcount.all()],
    waitingByType: board.waitingByType(),
    demands: demandsOf(scaleOptions(options, usualTargetMs)),
  };
}

const usualTargetMs = 60_000;

type Answer = (ask: unknown) => unknown;

/** Every question with its answer. */
export function answers(options: DeskOptions): Iterable<[string, Answer]> {
  return [
    ['cluster', () => cluster(options)],
    ['workers', () => workers(options)],
    ['queues', () => queues(options)],
    ['limits', () => limitViews(options.board.accounts)],
    ['tenants', () => tenantViews(options.board.accounts)],
    ['open', (ask) => (typeof ask === 'string' ? options.countOpen(ask) : null)],
    ['why', (ask) => explain(options, ask)],
    ['scale', (ask) => scale(options, ask)],
    ['step-down', () => stepDown(options)],
  ];
}

async function stepDown({ name, incarnation, term, ...options }: DeskOptions): Promise<SteppedDown> {
  await options.stepDown();
  return { name, incarnation, term: term.number };
}

function cluster(options: DeskOptions): ClusterView {
  const { board, fleet, clock, name, incarnation, term, lookAhead, settings } = options;
  return {
    leader: { name, incarnation, term: term.number },
    at: clock.now(),
    workers: workers(options),
    open: board.size,
    byState: board.headcount.byState(),
    lookAhead: Object.fromEntries(lookAhead.known()),
    unserved: unserved(board, fleet),
    leftToNewer: board.leftToNewer,
    paused: paused(board),
    ...(settings.durability === undefined ? {} : { durability: settings.durability }),
  };
}

function paused(board: Board): Record<string, number> {
  const queues = board.queues().filter((queue) => board.policyOf(queue).paused);
  return Object.fromEntries(queues.map((queue) => [queue, board.waitingIn(queue)]));
}

function workers({ fleet, board, clock }: DeskOptions): WorkerView[] {
  return fleet.members().map(({ pulse, status, heardAt }) => {
    const { incarnation, name, host, pid, version, declared, load, startedAt, capacity, skewMs, metrics } = pulse;
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
      ...(skewMs === undefined ? {} : { skewMs }),
      ...(metrics === undefined ? {} : { metrics }),
      heardMsAgo: Math.round(clock.mono() - heardAt),
      isHung: !fleet.isGone(incarnation) && isHung(pulse),
      isDeaf: !fleet.isGone(incarnation) && fleet.isDeaf(incarnation),
      jobs: [...holding.claims].map(({ key }) => key),
    };
  });
}

/** Asked with the time within which a job shall start, ms. */
function scale(options: DeskOptions, ask: unknown): Advice {
  return adviseScale(scaleOptions(options, typeof ask === 'number' && ask > 0 ? ask : usualTargetMs));
}

function scaleOptions({ board, fleet, lookAhead, clock }: DeskOptions, targetMs: number): ScaleOptions {
  return { board, fleet, runMs: (type) => lookAhead.meanMs(type), now: clock.now(), targetMs };
}

/** The queues in the order in which they are served. */
function queues({ board, clock }: DeskOptions): QueueView[] {
  const now = clock.now();
  const counts = (queue: string) => ({
    waiting: board.waitingIn(queue),
    ...oldest(board.lanesOf(queue), now),
    out: board.queue(queue).out.size,
  });
  return inTurn(board.queues().map((queue) => queueView(board.policyOf(queue), counts(queue))));
}

function oldest(lanes: readonly LaneView[], now: number): { oldestMs?: number } {
  const readyAt = Math.min(...lanes.map((lane) => lane.readyAt ?? Number.POSITIVE_INFINITY));
  return Number.isFinite(readyAt) ? { oldestMs: Math.max(0, Math.round(now - readyAt)) } : {};
}

async function explain(
  { board, fleet, clock, throttle, room, turns, settings, awaited }: DeskOptions,
  ask: unknown,
): Promise<Why | null> {
  const entry = typeof ask === 'string' ? board.get(ask) : undefined;
  if (entry === undefined) return null;
  if (entry.state === 'blocked' && !entry.isOfNewer) return whyBlocked(entry.rare?.after, await awaited(entry));
  const { gpuSpillOver } = settings;
  return why(entry, { board, fleet, throttle, room, turns, gpuSpillOver, now: clock.now() });
}
