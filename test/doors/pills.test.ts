/** Where what is counted on the wires of a chart stands: with all that a busy day may count on the machine of a job. */

import ELK from 'elkjs/lib/elk.bundled.js';
import { expect, test } from 'vitest';
import { type Direction, layout } from '../../doors/web/drawing/layout.ts';
import { overlap, placePills } from '../../doors/web/src/chart/pills.ts';
import { machines } from '../../runtime/machines.ts';

const directions: readonly Direction[] = ['right', 'down'];
const busy = [
  'submitted>open.waiting.pending',
  'submitted>open.waiting.scheduled',
  'scheduled>open.waiting.pending',
  'retrying>open.waiting.pending',
  'pending>open.waiting.queued',
  'pending>open.active',
  'queued>open.active',
  'assigned>open.active.processing',
  'processing>open.waiting.retrying',
  'processing>completed',
  'processing>failed',
];

test.each(directions)(
  'drawn to go %s, what is counted covers no state and no other count, and all of it has a place',
  async (direction) => {
    const { machine } = machines.job;
    const drawing = await layout(machine, { direction, detail: 'outline' }, new ELK.default());
    const counted = drawing.wires.map(({ id }) => id).filter((id) => busy.some((end) => id.endsWith(end)));
    expect(counted.length).toBeGreaterThanOrEqual(busy.length);
    for (const wires of [counted, drawing.wires.map(({ id }) => id)]) {
      const places = [...placePills(drawing, new Set(wires))];
      const leaves = drawing.boxes.filter(({ leaf }) => leaf).map(({ path, ...box }) => [path, box] as const);
      const covered = places.flatMap(([id, place]) =>
        [...leaves, ...places]
          .filter(([other, there]) => other !== id && overlap(place, there, 0))
          .map(([other]) => `${id} over ${other}`),
      );
      expect(covered).toEqual([]);
    }
    const without = counted.filter((id) => !placePills(drawing, new Set(counted)).has(id));
    expect(without).toEqual([]);
  },
);

test('what is counted stays where it is when it grows', async () => {
  const drawing = await layout(machines.job.machine, { direction: 'right', detail: 'outline' }, new ELK.default());
  const [one = '', other = ''] = drawing.wires.map(({ id }) => id);
  expect(placePills(drawing, new Set([one, other]))).toEqual(placePills(drawing, new Set([other, one])));
});
