/**
 * Job types of your own, for `yard worker --handlers examples/jobs.ts`.
 *
 * In a project of yours the import is `from 'yardmaster'`.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { defineJob, JobError } from '../sdk/index.ts';

export const greet = defineJob({
  type: 'greet',
  description: 'Says hello to somebody.',
  payload: z.object({ name: z.string().min(1) }),
  run: ({ payload, log }) => {
    log(`Saying hello to ${payload.name}.`);
    return `Hello ${payload.name}!`;
  },
});

export const checksum = defineJob({
  type: 'checksum',
  description: 'Computes the checksum of a file.',
  payload: z.object({ path: z.string(), algorithm: z.enum(['sha256', 'sha512']).default('sha256') }),
  defaults: { queue: 'batch', maxAttempts: 3, timeoutMs: 10 * 60_000 },
  async run({ payload: { path, algorithm }, signal, progress }) {
    const { size } = await stat(path).catch((cause) => {
      // Trying again will not bring the file back.
      throw new JobError(`Expected a file at ${path}, found none.`, { retryable: false, cause });
    });
    const hash = createHash(algorithm);
    let bytes = 0;
    for await (const chunk of createReadStream(path, { signal })) {
      hash.update(chunk);
      bytes += chunk.length;
      progress({ percent: (100 * bytes) / size, values: { bytes } });
    }
    return { algorithm, bytes, hex: hash.digest('hex') };
  },
});
