/** Submits a job, watches it and prints its result: `node examples/submit.ts Ada`, with `examples/jobs.ts` at work. */

import { connect } from '../sdk/index.ts';

const yard = await connect();
const job = await yard.submit('greet', { name: process.argv[2] ?? 'Ada' }, { priority: 'high' });
for await (const { from, to } of job.watch()) console.log(`${from} → ${to}`);
console.log(await job.result());
await yard.close();
