/**
 * Code: one definition for who submits and who works; a job is submitted, its path watched, its progress heard, its result read.
 * Run it where `yard up` runs. In a project of yours the import is `from 'yardmaster'`.
 */

import { equal } from 'node:assert/strict';
import { z } from 'zod';
import { connect, defineJob, work } from '../../sdk/index.ts';

const add = defineJob({
  type: 'add',
  payload: z.object({ numbers: z.array(z.number()) }),
  run({ payload: { numbers }, progress }) {
    progress({ percent: 100 });
    return { sum: numbers.reduce((sum, number) => sum + number, 0) };
  },
});

const worker = await work([add]);
const yard = await connect();
const id = `door-sdk-${process.pid}`;
const reported = Promise.withResolvers<number | undefined>();
await yard.onProgress((_, { percent }) => reported.resolve(percent), { id });
const job = await yard.submit(add, { numbers: [1, 2, 3] }, { id });
for await (const { from, to } of job.watch()) console.log(`${from} → ${to}`);
equal((await job.result()).sum, 6);
equal(await reported.promise, 100);
await yard.close();
await worker.drain();
