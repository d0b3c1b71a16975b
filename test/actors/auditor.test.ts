/** The auditor: who is taken for lost and when, and what is asked of a worker whose word differs from the records. */

import { expect, test } from 'vitest';
import { Auditor } from '../../actors/auditor.ts';
import { Board } from '../../actors/board.ts';
import { claimsHash } from '../../actors/claims-hash.ts';
import { Fleet } from '../../actors/fleet.ts';
import type { Move } from '../../actors/mover.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import type { Notice } from '../../runtime/ports.ts';
import { capacity, headWith, pulseOf, stage } from './stage.ts';

const lostAfterMs = 4_000;
const key = 'default.a';

/** A leader's auditor, its fleet with worker `w1`, and job `a`, which `w1` holds. */
async function setUp() {
  const { clock, world, broker, telemetry } = stage();
  const board = new Board({ queues: defaultQueues });
  const fleet = new Fleet({ clock, telemetry, lostAfterMs, onChange: () => {} });
  const takenBack: string[] = [];
  const notices: Notice[] = [];
  const far = broker.world();
  await clock.until(far.notices.receive('w1', (notice) => notices.push(notice)));
  const auditor = new Auditor({
    ...{ board, fleet, clock, telemetry, lostAfterMs, notices: world.notices },
    move: async (moves: readonly Move[]) => takenBack.push(...moves.map((move) => move.key)),
    isTrusted: () => true,
  });
  board.apply(headWith({ key, revision: 1, state: 'processing', worker: 'w1', attempt: 1 }));
  const beat = async (claims = claimsHash([{ key, attempt: 1 }]), incarnation = 'w1') => {
    const pulse = pulseOf(capacity, { incarnation, claims });
    fleet.heard(pulse);
    auditor.compare(pulse);
    await clock.settle();
  };
  const verbs = () => notices.map(({ verb }) => verb);
  return { clock, board, fleet, auditor, beat, takenBack, verbs };
}

test('a worker that is heard again after it was lost is told so at each pulse, until it is another one', async () => {
  const { clock, fleet, auditor, beat, takenBack, verbs } = await setUp();
  auditor.start();
  await beat();
  await clock.advance(lostAfterMs + 500);
  expect([...new Set(takenBack)]).toEqual([key]);
  expect(verbs()).toEqual(['lost']);
  await beat();
  await beat();
  expect(verbs()).toEqual(['lost', 'lost', 'lost']);
  expect(fleet.members().some((member) => fleet.takesJobs(member))).toBe(false);
  await beat({ count: 0, hash: 0 }, 'w1-2');
  expect(fleet.members().map(({ pulse, status }) => [pulse.incarnation, status])).toEqual([['w1-2', 'available']]);
});

test('a new leader takes a silent worker for lost when it has been silent for so long in its own term', async () => {
  const { clock, fleet, auditor, beat, takenBack } = await setUp();
  await beat();
  await clock.advance(60_000);
  auditor.start();
  const [silent] = fleet.members();
  expect(silent !== undefined && fleet.takesJobs(silent)).toBe(false);
  await clock.advance(lostAfterMs - 500);
  expect(takenBack).toEqual([]);
  await clock.advance(1_000);
  expect([...new Set(takenBack)]).toEqual([key]);
});

test('a worker that holds more than is known, or less, is asked to recount after two pulses', async () => {
  const { clock, auditor, beat, verbs } = await setUp();
  auditor.start();
  await clock.advance(3_000);
  const more = claimsHash([
    { key, attempt: 1 },
    { key: 'default.b', attempt: 1 },
  ]);
  await beat(more);
  expect(verbs()).toEqual([]);
  await beat(more);
  expect(verbs()).toEqual(['recount', 'look']);
  for (let beats = 0; beats < 4; beats++) await beat();
  expect(verbs()).toEqual(['recount', 'look']);
});
