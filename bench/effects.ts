/**
 * The handler that the benchmarks run: it does nothing, or the first time it lasts for `ms`. Its effect is a line in a file of its worker, outside the cluster: the job's
 * number, the attempt, and when the handler started on the machine's monotonic clock, which all processes share.
 */

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { pause, SystemClock } from '../runtime/clock.ts';
import { defineJob } from '../sdk/index.ts';

const clock = new SystemClock();
const folder = process.env['YARD_BENCH_EFFECTS'] ?? '.';
const file = join(folder, `effects-${process.pid}`);
let lines: string[] = [];

/** Lines of one turn go out together; the file is complete when the last job is. */
function note(line: string): void {
  if (lines.push(line) > 1) return;
  clock.endOfTurn(() => {
    appendFileSync(file, lines.join(''));
    lines = [];
  });
}

export const bench = defineJob({
  type: 'bench',
  description: 'Does nothing, and leaves a line that says so.',
  payload: z.strictObject({ n: z.number().int(), ms: z.number().optional() }),
  run: async ({ payload, fence }) => {
    note(`${payload.n} ${fence.attempt} ${clock.mono()}\n`);
    if (payload.ms !== undefined && fence.attempt === 1) await pause(clock, payload.ms);
    return null;
  },
});
