import { describe, expect, test } from 'vitest';
import { type ElectionEvent, electionMachine, type Holder } from '../../machines/election.ts';
import { edgeName, edgeOf, edgesOf, statesOf } from '../../runtime/chart.ts';
import { type ElectionState, electionPlaces, electionStep, newElection } from '../../runtime/election-step.ts';

const silenceMs = 700;
type Read = Extract<ElectionEvent, { type: 'lease.read' }>;

function read(at: number, more: Partial<Read> = {}): Read {
  return { type: 'lease.read', at, revision: 1, holder: 'other', isFit: true, yields: false, ...more };
}

const holders: readonly Holder[] = ['nobody', 'other', 'own', 'campaign'];

/** Everything that could be said to a master at a moment. */
function eventsAt(at: number): readonly ElectionEvent[] {
  return [
    { type: 'master.ready' },
    ...holders.flatMap((holder) => [1, 2].map((revision) => read(at, { holder, revision }))),
    read(at, { isFit: false }),
    read(at, { holder: 'nobody', yields: true }),
    { type: 'broker.failed' },
    { type: 'campaign.won' },
    { type: 'campaign.lost' },
    { type: 'campaign.forbidden', at },
    { type: 'picture.completed' },
    { type: 'office.taken' },
    { type: 'term.lost' },
    { type: 'term.givenUp' },
    { type: 'term.madeWay', at },
    { type: 'master.stopped' },
  ];
}

interface Move {
  before: ElectionState;
  event: ElectionEvent;
  after: ElectionState;
}

/** Every place that can be reached, with every event in it: at moments that are far enough apart, and not. */
function walk(): readonly Move[] {
  const seen = new Map<string, ElectionState>([['', newElection(silenceMs)]]);
  const moves: Move[] = [];
  for (const before of seen.values())
    for (const event of [0, 800, 4_000].flatMap(eventsAt)) {
      const after = electionStep(before, event);
      moves.push({ before, event, after });
      seen.set(identity(after), after);
    }
  return moves;
}

/** What tells two states apart: more reads than are needed are as good as just enough. */
function identity({ place, watched, restsUntil }: ElectionState): string {
  return JSON.stringify([place, watched && { ...watched, reads: Math.min(watched.reads, 3) }, restsUntil > 0]);
}

const moves = walk();
const told = (...said: ElectionEvent[]) => said.reduce(electionStep, newElection(silenceMs));
const ready = { type: 'master.ready' } as const;
const place = (...said: ElectionEvent[]) => told(ready, ...said).place;

describe('a master', () => {
  test('leads from an empty lease, and serves once it knows all and has taken office', () => {
    expect(newElection(silenceMs).place).toBe('starting');
    expect(place(read(0, { holder: 'nobody' }))).toBe('campaigning');
    expect(place(read(0, { holder: 'nobody' }), { type: 'campaign.won' })).toBe('leading.catchingUp');
    const serving = [{ type: 'campaign.won' }, { type: 'picture.completed' }, { type: 'office.taken' }] as const;
    expect(place(read(0, { holder: 'nobody' }), ...serving)).toBe('leading.serving');
  });

  test('takes a lease that has not moved for the silence, in three reads or more', () => {
    expect(place(read(0), read(400), read(699))).toBe('standingBy.watching');
    expect(place(read(0), read(400), read(700))).toBe('campaigning');
    expect(place(read(0), read(700))).toBe('standingBy.watching');
  });

  test('counts anew when the lease moves, and when a read fails', () => {
    expect(place(read(0), read(400), read(800, { revision: 2 }), read(1_200, { revision: 2 }))).toBe(
      'standingBy.watching',
    );
    expect(place(read(0), read(400), { type: 'broker.failed' }, read(800), read(1_200))).toBe('standingBy.watching');
  });

  test('that shall rather let others lead waits three times as long, also for an empty lease', () => {
    const empty = { holder: 'nobody', yields: true } as const;
    expect(place(read(0, empty), read(1_000, empty), read(2_099, empty))).toBe('standingBy.watching');
    expect(place(read(0, empty), read(1_000, empty), read(2_100, empty))).toBe('campaigning');
  });

  test('that is unfit does not stand, however silent the lease is', () => {
    expect(place(read(0), read(400), read(800, { isFit: false }))).toBe('standingBy.unfit');
    expect(place(read(0, { holder: 'nobody', isFit: false }))).toBe('standingBy.unfit');
    expect(place(read(0), read(400), read(800, { isFit: false }), read(1_000))).toBe('campaigning');
  });

  test('that made way leaves an empty lease to others for three seconds', () => {
    const madeWay = told(ready, read(0, { holder: 'campaign' }), { type: 'term.madeWay', at: 1_000 });
    expect(madeWay.place).toBe('standingBy.resting');
    expect(electionStep(madeWay, read(3_999, { holder: 'nobody' })).place).toBe('standingBy.resting');
    expect(electionStep(madeWay, read(4_000, { holder: 'nobody' })).place).toBe('campaigning');
  });

  test('whose campaign got no answer leads when the next read shows that it was accepted', () => {
    const asked = [read(0, { holder: 'nobody' }), { type: 'broker.failed' }] as const;
    expect(place(...asked, read(200, { holder: 'campaign' }))).toBe('leading.catchingUp');
    expect(place(...asked, read(200, { holder: 'nobody' }))).toBe('campaigning');
  });

  test('does not stand before it is ready, nor after it has stopped', () => {
    expect(told(read(0, { holder: 'nobody' })).place).toBe('starting');
    for (const before of new Set(moves.map((move) => move.before))) {
      const stopped = electionStep(before, { type: 'master.stopped' });
      expect(stopped.place).toBe('stopped');
      for (const event of eventsAt(9_000)) expect(electionStep(stopped, event)).toBe(stopped);
    }
  });
});

describe('the chart', () => {
  const edges = edgesOf(electionMachine);

  test('has every place that a master may tell', () => {
    const leaves = statesOf(electionMachine).filter((state) => state.leaf);
    expect(leaves.map((state) => state.path)).toEqual(electionPlaces);
    expect([...new Set(moves.map((move) => move.after.place))].sort()).toEqual([...electionPlaces].sort());
  });

  test('has no edge that cannot be taken', () => {
    const covered = new Set(moves.flatMap((move) => taken(move)));
    expect(edges.map(edgeName).filter((edge) => !covered.has(edge))).toEqual([]);
  });

  test('says of every state and edge, in one line, what it is and what it does to the watch over the lease', () => {
    for (const state of statesOf(electionMachine)) expect(state.description, state.path).toMatch(/^[A-Z][^\n]{5,}\.$/);
    const says = /^[A-Z][^\n]+\. (?:(?:Keeps|Forgets) the watch|Counts the read)\.$/;
    for (const edge of edges) expect(edge.description, edgeName(edge)).toMatch(says);
  });

  test('leads to the lease only by way of a campaign that was accepted', () => {
    const won = moves.filter(
      ({ before, after }) => after.place.startsWith('leading') && !before.place.startsWith('leading'),
    );
    const causes = won.map(({ event }) => (event.type === 'lease.read' ? event.holder : event.type));
    expect([...new Set(causes)].sort()).toEqual(['campaign', 'campaign.won']);
  });

  test('goes to its end along the happy edges', () => {
    const happy = edges.filter((edge) => edge.happy).map((edge) => edge.to);
    expect(happy).toEqual(['standingBy', 'campaigning', 'leading', 'leading.takingOffice', 'leading.serving']);
  });
});

function taken({ before, event }: Move): string[] {
  const { place, ...context } = before;
  const value = place
    .split('.')
    .reduceRight<string | object>((inner, name) => (inner === '' ? name : { [name]: inner }), '');
  const snapshot = electionMachine.resolveState({ value: value as never, context });
  return (electionMachine.getTransitionData(snapshot, event) ?? []).map((one) => edgeName(edgeOf(one)));
}
