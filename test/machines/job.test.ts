import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  isActive,
  isReady,
  isSettled,
  type JobEvent,
  type JobState,
  jobMachine,
  jobStates,
} from '../../machines/job.ts';
import { edgeName, edgeOf, edgesOf, statesOf } from '../../runtime/chart.ts';
import type { JobRecord, JobSpec } from '../../runtime/record.ts';
import { born, step } from '../../runtime/step.ts';
import { births, identity, type JobSnapshot, type Move, movesFrom, type Path, pathsFrom } from './walk.ts';

const moves = births.flatMap(movesFrom);
const paths = births.flatMap(pathsFrom);
const taken = moves.filter((move) => move.after !== move.before);

/** The word for the state that a snapshot is in. */
function leaf({ value }: JobSnapshot): JobState {
  const word = JSON.stringify(value).match(/"(\w+)"\}*$/)?.[1];
  const state = jobStates.find((one) => one === word);
  if (state === undefined) throw new RangeError(`Expected a job state, got ${JSON.stringify(value)}.`);
  return state;
}

const spec: JobSpec = {
  id: 'a',
  tenant: 'default',
  type: 'noop',
  queue: 'default',
  priority: 'medium',
  requirements: {},
  payload: {},
  staleAfterMs: 1_000,
  source: 'test',
  createdAt: 1,
};

describe('the chart', () => {
  const edges = edgesOf(jobMachine);

  test('has exactly the edges that were agreed on', () => {
    const golden: unknown = JSON.parse(readFileSync(new URL('../golden/job-edges.json', import.meta.url), 'utf8'));
    expect(edges.map(edgeName)).toEqual(golden);
  });

  test('has exactly the states that users know', () => {
    const leaves = statesOf(jobMachine).filter((state) => state.leaf && state.name !== 'submitted');
    expect(leaves.map((state) => state.name).sort()).toEqual([...jobStates].sort());
  });

  test('says of every state what it is, in one line', () => {
    for (const state of statesOf(jobMachine)) expect(state.description, state.path).toMatch(/^[A-Z][^\n]{5,}\.$/);
  });

  test('says of every edge why it is taken and what it does to attempt, in one line', () => {
    const says = /^[A-Z][^\n]+\. (?:Keeps attempt|Adds 1 to attempt|Attempt is 0)(?:, (?:not |none )?counted)?\.$/;
    for (const edge of edges) expect(edge.description, edgeName(edge)).toMatch(says);
  });

  test('has no edge that cannot be taken', () => {
    const covered = new Set([...births.map(birthEdge), ...moves.flatMap(edgesTaken)]);
    expect(edges.map(edgeName).filter((edge) => !covered.has(edge))).toEqual([]);
  });

  test('leads to every state, and from each open one to a settled one', () => {
    const reached = new Set(moves.map((move) => leaf(move.after)));
    expect([...reached].sort()).toEqual([...jobStates].sort());
    for (const state of jobStates.filter((one) => !isSettled(one)))
      expect(canSettle(state), `${state} settles`).toBe(true);
  });

  test('takes a job to its result along the happy edges', () => {
    const happy = edges.filter((edge) => edge.happy).map((edge) => edge.to);
    expect(happy).toEqual(['open.waiting.pending', 'open.active', 'open.active.processing', 'completed']);
  });
});

/** The edge by which a job is born into its first state. */
function birthEdge(context: (typeof births)[number]): string {
  const state = born(spec, context).state;
  const edge = edgesOf(jobMachine).find((one) => one.event === '' && one.to === `open.waiting.${state}`);
  return edge === undefined ? `none to ${state}` : edgeName(edge);
}

function edgesTaken(move: Move): string[] {
  return (jobMachine.getTransitionData(move.before, move.event) ?? []).map((taken) => edgeName(edgeOf(taken)));
}

/** Whether some way leads from this state to a settled one, without ever coming back. */
function canSettle(from: JobState): boolean {
  const seen = new Set([from]);
  for (const state of seen) {
    if (isSettled(state)) return true;
    for (const move of taken) if (leaf(move.before) === state) seen.add(leaf(move.after));
  }
  return false;
}

describe('every shortest path of the chart', () => {
  /** The event, said to the attempt that the record is at: many numbers are one state to the explorer. */
  function said(event: JobEvent, record: JobRecord): JobEvent {
    return 'attempt' in event ? { ...event, attempt: record.context.attempt } : event;
  }

  /** Walks the record along a path and says where they part, if they do. */
  function difference({ start, steps }: Path): string | undefined {
    let record = born(spec, start);
    for (const [index, { event, state }] of steps.slice(1).entries()) {
      record = step(record, said(event, record)).record;
      const same = record.state === leaf(state) && identity({ ...state, context: record.context }) === identity(state);
      if (!same) return `step ${index + 1}, ${event.type}: record ${record.state}, chart ${leaf(state)}`;
    }
    return undefined;
  }

  test('is taken by the record in just the same way', () => {
    expect(paths.length).toBeGreaterThan(100);
    expect(paths.map(difference).filter((one) => one !== undefined)).toEqual([]);
  });

  test('numbers its transitions from 1, each from where the last one led', () => {
    for (const { start, steps } of paths) {
      let record = born(spec, start);
      for (const { event } of steps.slice(1)) record = step(record, said(event, record)).record;
      const { transitions } = record;
      expect(transitions.map(({ n }) => n)).toEqual(transitions.map((_, index) => index + 1));
      const chained = transitions.every(({ from }, index) => from === (transitions[index - 1]?.to ?? 'submitted'));
      expect(chained).toBe(true);
      expect(transitions.at(-1)?.to).toBe(record.state);
    }
  });
});

describe('wherever a job can get', () => {
  /** The moves after which `holds` does not. */
  function breaches(holds: (after: JobSnapshot, before: JobSnapshot, event: Move['event']) => boolean): string[] {
    const breached = moves.filter(({ before, event, after }) => !holds(after, before, event));
    return [...new Set(breached.map((move) => `${leaf(move.before)} --${move.event.type}--> ${leaf(move.after)}`))];
  }

  test('attempt grows by one with each claim and never otherwise', () => {
    const grown = (event: Move['event'], stayed: boolean) => (event.type === 'attempt.claimed' && !stayed ? 1 : 0);
    const breached = breaches(
      (after, before, event) =>
        after.context.attempt ===
        before.context.attempt + grown(event, JSON.stringify(after) === JSON.stringify(before)),
    );
    expect(breached).toEqual([]);
  });

  test('no more attempts count than it may have, and while it waits at least one is left', () => {
    expect(breaches(({ context }) => context.spent >= 0 && context.spent <= context.maxAttempts)).toEqual([]);
    const waits = (state: JobState) => !isSettled(state) && !isActive(state);
    expect(breaches((after) => !waits(leaf(after)) || after.context.spent < after.context.maxAttempts)).toEqual([]);
  });

  test('a worker holds it exactly while it is active', () => {
    expect(breaches((after) => isActive(leaf(after)) === (after.context.worker !== undefined))).toEqual([]);
  });

  test('a wish to cancel is open only while a worker holds it', () => {
    expect(breaches((after) => isActive(leaf(after)) || after.context.cancelAt === undefined)).toEqual([]);
  });

  test('it is ready only when it is not held, waits for no job and is due', () => {
    const free = ({ context }: JobSnapshot) =>
      context.held === undefined && context.blockedBy === undefined && context.dueAt === undefined;
    expect(breaches((after) => !isReady(leaf(after)) || free(after))).toEqual([]);
  });

  test('it has a moment when it is due while it is scheduled or waits out its backoff', () => {
    const dated = (state: JobState) => state === 'scheduled' || state === 'retrying';
    expect(breaches((after) => !dated(leaf(after)) || after.context.dueAt !== undefined)).toEqual([]);
  });

  test('it stays held until a person releases it, and blocked until the others have ended', () => {
    const lets = new Set(['job.release', 'job.cancel', 'job.expired', 'job.stopped']);
    expect(
      breaches((after, before, { type }) => leaf(before) !== 'held' || leaf(after) === 'held' || lets.has(type)),
    ).toEqual([]);
    const unblocks = new Set([
      'job.unblocked',
      'job.unreachable',
      'job.hold',
      'job.cancel',
      'job.expired',
      'job.stopped',
    ]);
    expect(
      breaches(
        (after, before, { type }) => leaf(before) !== 'blocked' || leaf(after) === 'blocked' || unblocks.has(type),
      ),
    ).toEqual([]);
  });

  test('failed says why, completed has a result and no error', () => {
    expect(breaches((after) => leaf(after) !== 'failed' || after.context.error !== undefined)).toEqual([]);
    const clean = ({ context }: JobSnapshot) => context.error === undefined && context.result !== undefined;
    expect(breaches((after) => leaf(after) !== 'completed' || clean(after))).toEqual([]);
  });

  test('completed and cancelled are the end, and failed too unless it is redriven', () => {
    const breached = breaches(
      (after, before, { type }) => !isSettled(leaf(before)) || after === before || type === 'job.redrive',
    );
    expect(breached).toEqual([]);
  });
});
