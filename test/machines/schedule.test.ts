import { describe, expect, test } from 'vitest';
import { type ScheduleEvent, scheduleMachine, scheduleStates } from '../../machines/schedule.ts';
import { edgeName, edgeOf, edgesOf, statesOf } from '../../runtime/chart.ts';
import { newSchedule, type ScheduleRecord, scheduleStep } from '../../runtime/schedule.ts';

const at = 5_000;
/** Everything that could be said to a schedule. */
const events: readonly ScheduleEvent[] = [
  { type: 'schedule.decided', at, nextAt: 9_000, job: 'j' },
  { type: 'schedule.decided', at },
  { type: 'schedule.ran', at, job: 'k' },
  { type: 'schedule.edited', at, nextAt: 8_000 },
  { type: 'schedule.edited', at },
  { type: 'schedule.paused', at },
  { type: 'schedule.resumed', at, nextAt: 7_000 },
  { type: 'schedule.resumed', at },
  { type: 'schedule.deleted', at },
];

const made = newSchedule(
  {
    tenant: 'default',
    name: 'tick',
    plan: { kind: 'every', everyMs: 1_000, anchorAt: 0 },
    misfire: 'once',
    windowMs: 1_000,
    overlap: 'allow',
    job: { type: 'noop', payload: {}, options: {} },
  },
  1_000,
  2_000,
);

interface Move {
  before: ScheduleRecord;
  event: ScheduleEvent;
  after: ScheduleRecord | undefined;
}

/** Every state that can be reached, with every event in it. */
function walk(): readonly Move[] {
  const seen = new Map([['', made]]);
  const moves: Move[] = [];
  for (const before of seen.values())
    for (const event of events) {
      const after = scheduleStep(before, event);
      moves.push({ before, event, after });
      if (after !== undefined) seen.set(`${after.state} ${JSON.stringify(after.context)}`, after);
    }
  return moves;
}

const moves = walk();
const told = (...said: ScheduleEvent[]) => said.reduce((record, event) => scheduleStep(record, event) ?? record, made);

describe('a schedule', () => {
  test('has a next moment exactly as long as it is active', () => {
    for (const { after = made } of moves) expect(after.context.nextAt !== undefined).toBe(after.state === 'active');
  });

  test('that is paused goes on where it is resumed, and ends where no moment is left', () => {
    const paused = told({ type: 'schedule.paused', at });
    expect(paused).toMatchObject({ state: 'paused', updatedAt: at });
    expect(scheduleStep(paused, { type: 'schedule.resumed', at, nextAt: 7_000 })?.context.nextAt).toBe(7_000);
    expect(scheduleStep(paused, { type: 'schedule.resumed', at })?.state).toBe('ended');
    expect(scheduleStep(paused, { type: 'schedule.decided', at, nextAt: 9_000 })).toBeUndefined();
  });

  test('that is deleted changes no more', () => {
    const deleted = told({ type: 'schedule.deleted', at });
    for (const event of events) expect(scheduleStep(deleted, event)).toBeUndefined();
  });

  test('numbers its firings on, counts every moment, and keeps the last fifty', () => {
    const missed = { at, to: at, count: 30, outcome: 'missed' as const };
    let record = scheduleStep(made, { type: 'schedule.decided', at, nextAt: 9_000 }, [missed]) ?? made;
    for (let n = 0; n < 60; n++)
      record = scheduleStep(record, { type: 'schedule.ran', at, job: `j${n}` }, [{ at, outcome: 'fired' }]) ?? record;
    expect(record.counts).toEqual({ fired: 60, skipped: 0, missed: 30, refused: 0 });
    expect(record.firings.map(({ n }) => n)).toEqual(Array.from({ length: 50 }, (_, n) => n + 12));
    expect(record.context).toMatchObject({ nextAt: 9_000, lastJob: 'j59' });
  });
});

describe('the chart', () => {
  const edges = edgesOf(scheduleMachine);

  test('has every state that a record may show', () => {
    const leaves = statesOf(scheduleMachine).filter((state) => state.leaf);
    expect(leaves.map((state) => state.name).sort()).toEqual([...scheduleStates].sort());
    expect([...new Set(moves.map(({ before }) => before.state))].sort()).toEqual([...scheduleStates].sort());
  });

  test('has no edge that cannot be taken', () => {
    const covered = new Set(moves.flatMap((move) => taken(move)));
    expect(edges.map(edgeName).filter((edge) => !covered.has(edge))).toEqual([]);
  });

  test('says of every state and edge, in one line, what it is and what it does to the next moment', () => {
    for (const state of statesOf(scheduleMachine)) expect(state.description, state.path).toMatch(/^[A-Z][^\n]{5,}\.$/);
    const says = /^[A-Z][^\n]+\. (?:Sets the|Keeps the|No) next moment\.$/;
    for (const edge of edges) expect(edge.description, edgeName(edge)).toMatch(says);
  });
});

function taken({ before, event }: Move): string[] {
  const value = before.state === 'deleted' ? ('deleted' as const) : { kept: before.state };
  const snapshot = scheduleMachine.resolveState({ value, context: before.context });
  return scheduleMachine.getTransitionData(snapshot, event).map((transition) => edgeName(edgeOf(transition)));
}
