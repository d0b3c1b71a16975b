/**
 * How many workers are needed now, for each set of requirements that has jobs: what to tell an autoscaler, or a person
 * who starts machines.
 *
 * The reckoning is Little's law with a deadline. Jobs that wait shall start within `targetMs`; as many must run at once
 * as make `waiting` starts in what is left of that for the one that has waited longest (a quarter of it at least), at
 * the pace that handlers of the type have shown. Of a type that nobody has seen end yet, a job is taken to run for
 * `targetMs`. Sets are reckoned each by itself: a worker that serves two of them counts for both.
 */

import { type Capacity, gpusFor, type Requirements, requirementKey, unmet } from '../machines/rules/capability.ts';
import type { Board } from './board.ts';
import type { Fleet, Member } from './fleet.ts';

/** What one set of requirements has, and needs. */
export interface Demand {
  type: string;
  requirements: Requirements;
  waiting: number;
  /** How long the first of them has waited, ms. */
  oldestMs: number;
  running: number;
  /** How long handlers of the type run on average, ms; absent until some have ended. */
  runMs?: number;
  /** Workers that could run such a job, whether or not they have room now. */
  workers: number;
  /** Such jobs that one worker runs at once: of those that could, the average. 1 where none could. */
  jobsPerWorker: number;
  /** Workers that it takes to start what waits in time, and to go on with what runs. */
  needed: number;
}

export interface Advice {
  targetMs: number;
  /** The sets that lack the most workers first. */
  demands: readonly Demand[];
  /** Workers that hold nothing, while nothing waits that they could run: they may go. */
  idle: readonly string[];
}

export interface ScaleOptions {
  board: Pick<Board, 'lanes' | 'holders' | 'holding'>;
  fleet: Pick<Fleet, 'members' | 'takesJobs'>;
  /** How long handlers of a type run on average, ms. */
  runMs: (type: string) => number | undefined;
  /** Broker time, epoch ms. */
  now: number;
  /** Within what time a job shall start. */
  targetMs: number;
}

type Tally = Pick<Demand, 'type' | 'requirements' | 'waiting' | 'oldestMs' | 'running'>;

/** What each set needs; those that lack the most workers come first. */
export function demandsOf(options: ScaleOptions): readonly Demand[] {
  const sets = tally(options);
  const kinds = kindsOf(ableOf(options), sets);
  return sets
    .map((each) => demandOf(each, kinds, options))
    .sort((a, b) => b.needed - b.workers - (a.needed - a.workers) || b.waiting - a.waiting);
}

/** Workers that are alike, for all that is asked for: a fleet has few kinds, and sets may be many. */
interface Kind {
  capacity: Capacity;
  workers: number;
}

function kindsOf(workers: readonly Member[], sets: readonly Tally[]): readonly Kind[] {
  // What is free on a disk is never the same on two machines, and few jobs ask for it.
  const mindsDisk = sets.some(({ requirements }) => requirements.diskMb !== undefined);
  const kinds = new Map<string, Kind>();
  for (const { pulse } of workers) {
    const { diskMb, ...rest } = pulse.capacity;
    const capacity = mindsDisk ? pulse.capacity : rest;
    const name = JSON.stringify(capacity);
    const kind = kinds.get(name);
    if (kind === undefined) kinds.set(name, { capacity, workers: 1 });
    else kind.workers++;
  }
  return [...kinds.values()];
}

function ableOf({ fleet }: ScaleOptions): readonly Member[] {
  return fleet.members().filter((member) => fleet.takesJobs(member));
}

export function adviseScale(options: ScaleOptions): Advice {
  const { targetMs } = options;
  const workers = ableOf(options);
  const demands = demandsOf(options);
  const wanted = demands.filter(({ waiting }) => waiting > 0);
  const idle = workers.filter(
    ({ pulse: { incarnation, capacity } }) =>
      options.board.holding(incarnation).usage.slots === 0 &&
      !wanted.some(({ type, requirements }) => unmet(type, requirements, capacity) === undefined),
  );
  return {
    targetMs,
    demands,
    idle: idle.map(({ pulse }) => pulse.name),
  };
}

function tally({ board, now }: ScaleOptions): Tally[] {
  const sets = new Map<string, Tally>();
  const setOf = (type: string, requirements: Requirements) => {
    const key = requirementKey(type, requirements);
    const known = sets.get(key) ?? { type, requirements, waiting: 0, oldestMs: 0, running: 0 };
    sets.set(key, known);
    return known;
  };
  for (const lane of board.lanes())
    for (const queue of lane) {
      const set = setOf(queue.type, queue.requirements);
      set.waiting += queue.size;
      const [first] = queue;
      if (first !== undefined) set.oldestMs = Math.max(set.oldestMs, now - first.updatedAt);
    }
  for (const holder of board.holders())
    for (const { type, requirements } of board.holding(holder).claims) setOf(type, requirements).running++;
  return [...sets.values()];
}

function demandOf(set: Tally, kinds: readonly Kind[], { runMs, targetMs }: ScaleOptions): Demand {
  const able = kinds.filter(({ capacity }) => unmet(set.type, set.requirements, capacity) === undefined);
  const workers = able.reduce((sum, kind) => sum + kind.workers, 0);
  const places = able.reduce((sum, kind) => sum + kind.workers * jobsAtOnce(set.requirements, kind.capacity), 0);
  const jobsPerWorker = workers === 0 ? 1 : Math.max(1, places / workers);
  const known = runMs(set.type);
  const leftMs = Math.min(targetMs, Math.max(targetMs / 4, targetMs - set.oldestMs));
  const starts = Math.ceil((set.waiting * (known ?? targetMs)) / leftMs);
  const atOnce = Math.max(Math.min(starts, set.waiting), set.running, set.waiting > 0 ? 1 : 0);
  return {
    ...set,
    ...(known === undefined ? {} : { runMs: known }),
    workers,
    jobsPerWorker,
    needed: Math.ceil(atOnce / jobsPerWorker),
  };
}

/** How many such jobs a worker runs at once while it runs nothing else. */
function jobsAtOnce(needs: Requirements, has: Capacity): number {
  const { slots = 1, gpu = 0, memoryMb = 0, diskMb = 0 } = needs;
  const of = (all: number, each: number) => (each === 0 ? Number.POSITIVE_INFINITY : Math.floor(all / each));
  return Math.min(
    of(has.slots, slots),
    of(gpusFor(needs, has), gpu),
    of(has.memoryMb, memoryMb),
    of(has.diskMb ?? 0, diskMb),
  );
}
