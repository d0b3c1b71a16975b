import { expect, test } from 'vitest';
import { Board } from '../../actors/board.ts';
import { Fleet } from '../../actors/fleet.ts';
import { tellUnserved, unserved } from '../../actors/unserved.ts';
import { defaultQueues } from '../../machines/rules/lanes.ts';
import { capacity, headWith, pulseOf, stage } from './stage.ts';

function setUp() {
  const { clock, telemetry } = stage();
  const board = new Board({ queues: defaultQueues });
  const fleet = new Fleet({ clock, telemetry, lostAfterMs: 4_000, onChange: () => {} });
  const told: unknown[] = [];
  telemetry.on('types.unserved', ({ jobs }) => told.push(jobs));
  telemetry.on('types.served', () => told.push('served'));
  tellUnserved({ board, fleet, clock, telemetry, everyMs: 5_000 });
  let revision = 0;
  const wait = (type: string) =>
    void board.apply(headWith({ key: `default.j${++revision}`, revision, type, requirements: { slots: revision } }));
  const serve = (types: readonly string[], status: 'available' | 'draining' = 'available') =>
    fleet.heard(pulseOf({ ...capacity, types }, { status }));
  return { clock, board, fleet, told, wait, serve };
}

test('jobs of a type that no worker serves are told of once, and again when that changes', async () => {
  const { clock, board, fleet, told, wait, serve } = setUp();
  serve(['old', 'new']);
  wait('old');
  await clock.advance(5_000);
  expect(told).toEqual([]);
  serve(['new']);
  wait('old');
  wait('new');
  expect(unserved(board, fleet)).toEqual({ old: 2 });
  await clock.advance(20_000);
  expect(told).toEqual([{ old: 2 }]);
  wait('older');
  await clock.advance(5_000);
  expect(told.at(-1)).toEqual({ old: 2, older: 1 });
  serve(['old', 'older', 'new']);
  await clock.advance(20_000);
  expect(told).toHaveLength(3);
  expect(told.at(-1)).toBe('served');
});

test('a worker that drains serves nothing that waits', () => {
  const { board, fleet, wait, serve } = setUp();
  serve(['old'], 'draining');
  wait('old');
  expect(unserved(board, fleet)).toEqual({ old: 1 });
});
