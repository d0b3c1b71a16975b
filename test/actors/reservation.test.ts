/**
 * How long a job waits that needs a whole worker, under small ones without end: with the leader's own scheduler and room
 * keeper, a worker that takes what it is offered, and a clock that is moved by hand.
 */

import { describe, expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Bodies } from '../../actors/bodies.ts';
import { Fleet } from '../../actors/fleet.ts';
import { LookAhead } from '../../actors/look-ahead.ts';
import { RoomKeeper } from '../../actors/room-keeper.ts';
import { Scheduler } from '../../actors/scheduler.ts';
import { Throttle } from '../../actors/throttle.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { seeded } from '../../runtime/memory/manual-clock.ts';
import type { Head } from '../../runtime/ports.ts';
import { capacity, headWith, pulseOf, stage } from './stage.ts';

const slots = 4;
const reserveAfterMs = 60_000;
const longestMs = 15_000;
/** Between two looks of the room keeper, and on the way of an offer. */
const lookMs = 600;

/**
 * A worker that is full of small jobs, of which one comes whenever one starts, each of up to `longestMs`; then a job that needs
 * all of it. Resolves with how long that one waits, or `undefined` where it is not offered within `forMs`.
 */
async function waitOf({ seed, reserves, forMs }: { seed: number; reserves: boolean; forMs: number }) {
  const { clock, world, telemetry } = stage();
  const chance = seeded(seed);
  const board = new Board({ queues: defaultQueues });
  board.setQueue({ queue: 'default', reserveAfterMs: reserves ? reserveAfterMs : 0 });
  const fleet = new Fleet({ clock, telemetry, lostAfterMs: 4_000, onChange: () => scheduler.wake() });
  const { mail, notices } = world;
  const given = { board, fleet, clock, telemetry, notices, lookAhead: new LookAhead(0), gpuSpillOver: true };
  const throttle = new Throttle({ clock, offerForMs: 5_000 });
  const common = { ...given, throttle, move: async () => 0, isTrusted: () => true };
  const room = new RoomKeeper({ ...common, lostAfterMs: 4_000, onChange: () => scheduler.wake() });
  const options = { ...common, room, mail, bodies: new Bodies(), intervalMs: 5_000, offerForMs: 5_000 };
  const scheduler: Scheduler = new Scheduler(options);
  let revision = 0;
  const put = (head: Partial<Head> & { key: string }) => {
    const at = clock.now();
    board.apply(headWith({ createdAt: at, updatedAt: at, ...head, revision: ++revision }));
    scheduler.wake();
  };
  let small = 0;
  const putSmall = () => put({ key: `default.small-${++small}` });
  const wide = { key: 'default.wide', requirements: { slots } };
  let startedAt: number | undefined;
  await clock.until(
    mail.receive('w1', (offers) => {
      for (const { key } of offers) {
        if (key === wide.key) startedAt = clock.now();
        put({ key, state: 'processing', worker: 'w1', attempt: 1, ...(key === wide.key ? wide : {}) });
        if (key !== wide.key) putSmall();
        clock.after(longestMs * (0.2 + 0.8 * chance()), () => put({ key, state: 'completed' }));
      }
    }),
  );
  const pulse = () => fleet.heard(pulseOf({ ...capacity, slots }));
  pulse();
  clock.every(1_000, pulse);
  scheduler.start();
  room.start();
  for (let n = 0; n < 2 * slots; n++) putSmall();
  await clock.advance(20_000);
  const from = clock.now();
  put(wide);
  for (let ms = 0; ms < forMs && startedAt === undefined; ms += 1_000) await clock.advance(1_000);
  scheduler.stop();
  room.stop();
  return startedAt === undefined ? undefined : startedAt - from;
}

describe('a job that needs a whole worker, under small ones without end,', () => {
  test.each([1, 2, 3, 4, 5])(
    'starts when what ran there has ended, counted from its reservation (%i)',
    async (seed) => {
      const waited = await waitOf({ seed, reserves: true, forMs: 10 * 60_000 });
      expect(waited).toBeGreaterThanOrEqual(reserveAfterMs);
      expect(waited).toBeLessThanOrEqual(reserveAfterMs + longestMs + lookMs);
    },
  );

  test('does not start at all where nothing is reserved', async () => {
    expect(await waitOf({ seed: 1, reserves: false, forMs: 10 * 60_000 })).toBeUndefined();
  });
});
