import { describe, expect, test } from 'vitest';
import { type WorkerEvent, workerMachine } from '../../machines/worker.ts';
import { edgeName, edgeOf, edgesOf, statesOf } from '../../runtime/chart.ts';
import { workerStatuses } from '../../runtime/ports.ts';
import { newWorker, type WorkerState, workerStep } from '../../runtime/worker-step.ts';

const slots = 2;

/** Everything that could be said to a worker of two slots. */
const events: readonly WorkerEvent[] = [
  { type: 'worker.ready' },
  ...[0, 1, 2, 3].flatMap((used): WorkerEvent[] => [
    { type: 'worker.filled', used },
    { type: 'worker.freed', used },
  ]),
  { type: 'worker.drain' },
  { type: 'worker.undrain' },
  { type: 'worker.stopped' },
  { type: 'worker.silent' },
  { type: 'worker.returned' },
];

interface Move {
  before: WorkerState;
  event: WorkerEvent;
  after: WorkerState;
}

/** Every state that can be reached, with every event that makes sense there. */
function walk(): readonly Move[] {
  const seen = new Map<string, WorkerState>([['', newWorker(slots)]]);
  const moves: Move[] = [];
  for (const before of seen.values())
    for (const event of events.filter((one) => isPossible(before, one))) {
      const after = workerStep(before, event);
      moves.push({ before, event, after });
      seen.set(`${after.status} ${after.used}`, after);
    }
  return moves;
}

/** A slot is taken or freed one at a time. */
function isPossible({ used }: WorkerState, event: WorkerEvent): boolean {
  if (event.type === 'worker.filled') return event.used === used + 1;
  return event.type !== 'worker.freed' || event.used === used - 1;
}

const moves = walk();

describe('a worker', () => {
  const told = (...said: WorkerEvent[]) => said.reduce(workerStep, newWorker(slots));
  const ready = { type: 'worker.ready' } as const;

  test('takes jobs once it is ready, until all of its slots are taken, and again when one is free', () => {
    expect(newWorker(slots)).toEqual({ status: 'starting', slots: 2, used: 0 });
    expect(told(ready).status).toBe('available');
    const one = told(ready, { type: 'worker.filled', used: 1 });
    expect(one).toMatchObject({ status: 'available', used: 1 });
    const two = workerStep(one, { type: 'worker.filled', used: 2 });
    expect(two).toMatchObject({ status: 'busy', used: 2 });
    expect(workerStep(two, { type: 'worker.freed', used: 1 })).toMatchObject({ status: 'available', used: 1 });
  });

  test('drains, and comes back as full as it is', () => {
    const full = told(ready, { type: 'worker.filled', used: 1 }, { type: 'worker.filled', used: 2 });
    const draining = workerStep(full, { type: 'worker.drain' });
    expect(draining.status).toBe('draining');
    expect(workerStep(draining, { type: 'worker.undrain' }).status).toBe('busy');
    const emptier = workerStep(draining, { type: 'worker.freed', used: 1 });
    expect(workerStep(emptier, { type: 'worker.undrain' })).toMatchObject({ status: 'available', used: 1 });
  });

  test('that was taken for dead comes back holding nothing', () => {
    const lost = told(ready, { type: 'worker.filled', used: 1 }, { type: 'worker.silent' });
    expect(lost).toMatchObject({ status: 'lost', used: 0 });
    expect(workerStep(lost, { type: 'worker.returned' })).toEqual(newWorker(slots));
  });

  test('that has ended stays so, whatever is said', () => {
    const gone = told(ready, { type: 'worker.stopped' });
    expect(gone.status).toBe('offline');
    for (const event of events) expect(workerStep(gone, event)).toBe(gone);
  });

  test('does not change by what its state has no edge for', () => {
    const starting = newWorker(slots);
    expect(workerStep(starting, { type: 'worker.filled', used: 1 })).toBe(starting);
  });
});

describe('the chart', () => {
  const edges = edgesOf(workerMachine);

  test('has every status that a pulse may tell', () => {
    const leaves = statesOf(workerMachine).filter((state) => state.leaf);
    expect(leaves.map((state) => state.name).sort()).toEqual([...workerStatuses].sort());
    expect([...new Set(moves.map((move) => move.after.status))].sort()).toEqual([...workerStatuses].sort());
  });

  test('has no edge that cannot be taken', () => {
    const covered = new Set(moves.flatMap((move) => taken(move)));
    expect(edges.map(edgeName).filter((edge) => !covered.has(edge))).toEqual([]);
  });

  test('says of every state and edge, in one line, what it is and what it does to the slots in use', () => {
    for (const state of statesOf(workerMachine)) expect(state.description, state.path).toMatch(/^[A-Z][^\n]{5,}\.$/);
    const says = /^[A-Z][^\n]+\. (?:Sets used(?: to 0)?|Keeps used(?: at 0)?)\.$/;
    for (const edge of edges) expect(edge.description, edgeName(edge)).toMatch(says);
  });

  test('is busy exactly when it has no free slot, while it serves', () => {
    for (const { after } of moves) {
      if (after.status === 'available') expect(after.used).toBeLessThan(slots);
      if (after.status === 'busy') expect(after.used).toBeGreaterThanOrEqual(slots);
      if (['starting', 'lost', 'offline'].includes(after.status)) expect(after.used).toBe(0);
    }
  });
});

function taken({ before, event }: Move): string[] {
  const { status, ...context } = before;
  const place = statesOf(workerMachine).find((state) => state.leaf && state.name === status);
  const value = place?.path
    .split('.')
    .reduceRight<string | object>((inner, name) => (inner === '' ? name : { [name]: inner }), '');
  const snapshot = workerMachine.resolveState({ value: value as never, context });
  return (workerMachine.getTransitionData(snapshot, event) ?? []).map((transition) => edgeName(edgeOf(transition)));
}
